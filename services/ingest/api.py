"""The HTTP edge of ingest: deposits come in here, and are followed here."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from services.ingest import queries
from services.ingest.agreements import agreement_for, known_agreement, most_bytes
from services.ingest.consulting import ACKNOWLEDGEMENT, REPLY
from services.ingest.deciding import decide
from services.ingest.domain.records import header_of_json
from services.ingest.domain.transfer import TransferState
from services.ingest.findings_catalogue import catalogue
from services.ingest.html_page import shown
from services.ingest.multipart import boundary_of, sip_part
from services.ingest.parts import Ingest
from services.ingest.pipeline.reply import Letter, acknowledgement, can_answer
from services.ingest.queries import Transfer
from services.ingest.reception import PRINTABLE, Parcel, announced_digests, matching, receive, too_large
from services.ingest.refusals import refusals_noted
from services.ingest.replies import reply_to_trial, vocabulary_of
from services.ingest.report import report
from services.ingest.views import links, summary_view, transfer_view
from shared.bodies import stream_of
from shared.clock import now, rfc3339
from shared.descriptions import content_of
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.object_store.errors import NoSuchObject
from shared.problems import Problem, language_of, not_found, noted, too_slow
from shared.slowness import TooSlow

router = APIRouter(prefix="/ingest/v1", tags=["ingest"])

PAGE = 50
XML = "application/xml"
JSON = "application/json"

WRITTEN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""A text of some lines: what XML and PostgreSQL can hold."""


def _ingest(request: Request) -> Ingest:
    ingest: Ingest = request.app.state.ingest
    return ingest


Parts = Annotated[Ingest, Depends(_ingest)]
Depositor = Annotated[Caller, requires(Permission.TRANSFER_DEPOSIT)]
Reader = Annotated[Caller, requires(Permission.TRANSFER_READ)]
Anyone = Annotated[Caller, requires(Permission.PUBLIC)]
Archivist = Annotated[Caller, requires(Permission.TRANSFER_DECIDE)]


@router.post("/transfers", status_code=202, responses={200: {"description": "Known: received before."}})
async def create_transfer(
    request: Request,
    caller: Depositor,
    ingest: Parts,
    agreement: Annotated[str, Query(min_length=1, max_length=200)],
    filename: Annotated[str | None, Query(max_length=255, pattern=PRINTABLE)] = None,
    *,
    dry_run: bool = False,
) -> JSONResponse:
    """Take a SIP in: the raw package as body, or multipart/form-data with one part named ``sip``.

    With ``dry_run``, or under a sandbox, it is judged as it would be, and nothing of it is kept but the verdict, for
    some days.
    """
    ingest.turnstile.admit(caller.subject)
    chosen = await agreement_for(ingest, caller, agreement, now().date())
    limit = most_bytes(ingest, chosen)
    async with refusals_noted(ingest.database, caller.subject, chosen):
        parcel = replace(_parcel(request, limit, filename), dry_run=dry_run)
    transfer, new = await receive(ingest, chosen, caller.subject, parcel)
    body = {"id": str(transfer.id), "state": transfer.state, "dry_run": transfer.dry_run, "links": links(transfer)}
    return JSONResponse(body, 202 if new else 200, {"Location": links(transfer)["self"]})


def _parcel(request: Request, limit: int, filename: str | None) -> Parcel:
    """Read from the request's headers what it announces; the body is not touched yet."""
    announced = request.headers.get("content-length")
    size = int(announced) if announced and announced.isdecimal() else None
    chunks = _limited(stream_of(request), limit)
    content_type = request.headers.get("content-type", "")
    digests = announced_digests(request.headers.getlist("content-digest"))
    if content_type.lower().startswith("multipart/form-data"):
        # Length and digest announced are those of the form, not of the part.
        return Parcel(sip_part(matching(chunks, digests), boundary_of(content_type)), None, {}, filename, size)
    if size is not None and size > limit:
        raise too_large(limit)
    return Parcel(chunks, size, digests, filename)


async def _limited(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    taken = 0
    try:
        async for chunk in chunks:
            taken += len(chunk)
            if taken > limit:
                raise too_large(limit)
            yield chunk
    except ClientDisconnect as error:
        raise Problem(400, "truncated", "Le corps s'est interrompu.", "The body was cut short.") from error
    except TooSlow as error:
        # As a problem of ours, so that it is journaled like any other refusal.
        raise too_slow() from error


@router.get("/transfers")
async def list_transfers(
    caller: Reader,
    ingest: Parts,
    state: TransferState | None = None,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = PAGE,
) -> dict[str, Any]:
    """List the transfers of the caller's establishments, newest first."""
    scope = caller.scope(Permission.TRANSFER_READ)
    async with ingest.database.reading() as connection:
        found = await queries.list_transfers(
            connection,
            establishments=scope.establishments,
            state=state,
            before=cursor,
            limit=limit + 1,
        )
    page = found[:limit]
    following = str(page[-1].id) if len(found) > limit else None
    return {"items": [summary_view(transfer) for transfer in page], "next": following}


@router.get("/transfers/{transfer_id}")
async def get_transfer(request: Request, caller: Reader, ingest: Parts, transfer_id: str) -> dict[str, Any]:
    """Show where a transfer stands and what the checks found."""
    transfer = await transfer_within(ingest, caller, Permission.TRANSFER_READ, transfer_id)
    return transfer_view(transfer, language_of(request.headers.get("accept-language")))


@router.get(
    "/transfers/{transfer_id}/report", response_class=HTMLResponse, responses={200: content_of("application/json")}
)
async def get_report(request: Request, caller: Reader, ingest: Parts, transfer_id: str) -> Response:
    """Return the findings for people, as HTML: an unreadable package has no SEDA answer, but it has this.

    Who asks for ``application/json`` and not for HTML has the same findings as data.
    """
    transfer = await transfer_within(ingest, caller, Permission.TRANSFER_READ, transfer_id)
    language = language_of(request.headers.get("accept-language"))
    if not _wants_data(request.headers.get("accept", "")):
        return shown(report(transfer, language), language, **{"Cache-Control": "private, no-cache"})
    view = transfer_view(transfer, language)
    return JSONResponse({name: view[name] for name in ("id", "state", "findings", "steps", "reason")})


def _wants_data(accept: str) -> bool:
    return JSON in accept and "text/html" not in accept


@router.get("/findings", response_class=HTMLResponse)
async def get_findings(request: Request, _: Anyone) -> Response:
    """Show the catalogue of findings: what each means and what to do about it."""
    language = language_of(request.headers.get("accept-language"))
    return shown(catalogue(language), language, **{"Cache-Control": "public, max-age=3600"})


@router.get("/transfers/{transfer_id}/acknowledgement", response_class=Response, responses={200: content_of(XML)})
async def get_acknowledgement(caller: Reader, ingest: Parts, transfer_id: str) -> Response:
    """Return the SEDA Acknowledgement, from the moment the manifest's header was read."""
    transfer = await transfer_within(ingest, caller, Permission.TRANSFER_READ, transfer_id)
    header = None if transfer.header is None else header_of_json(transfer.header)
    if header is None or not can_answer(header):
        raise _not_yet("acknowledgement_not_ready", "L'accusé de réception", "The acknowledgement", transfer)
    letter = Letter(header, f"{transfer.id}-ack", rfc3339(transfer.received_at), trial=transfer.dry_run)
    await ingest.consultations.communicated(ACKNOWLEDGEMENT, caller, transfer)
    return Response(acknowledgement(letter), media_type=XML)


@router.get("/transfers/{transfer_id}/reply", response_class=Response, responses={200: content_of(XML)})
async def get_reply(caller: Reader, ingest: Parts, transfer_id: str) -> Response:
    """Return the SEDA ArchiveTransferReply of an accepted or rejected transfer; a dry run's says that it is one."""
    transfer = await transfer_within(ingest, caller, Permission.TRANSFER_READ, transfer_id)
    if transfer.dry_run and transfer.state is TransferState.JUDGED:
        agreement = await known_agreement(ingest, str(transfer.agreement))
        answer = reply_to_trial(transfer, vocabulary_of(agreement))
        if answer is not None:
            return Response(answer, media_type=XML)
    if transfer.reply_key is None:
        raise _not_yet("reply_not_ready", "La réponse", "The reply", transfer)
    try:
        chunks = await ingest.staging.open_range(transfer.reply_key)
    except NoSuchObject as error:
        raise not_found() from error
    await ingest.consultations.communicated(REPLY, caller, transfer)
    return StreamingResponse(chunks, media_type=XML)


class DecisionBody(BaseModel):
    """What an archivist decides, and why."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["accept", "refuse"]
    reason: str = Field(default="", max_length=2000, pattern=WRITTEN)


@router.post("/transfers/{transfer_id}/decision", status_code=202)
async def decide_transfer(
    request: Request, caller: Archivist, ingest: Parts, transfer_id: str, body: DecisionBody
) -> dict[str, Any]:
    """Accept or refuse a transfer that awaits an archivist's decision; a refusal needs its reason."""
    transfer = await transfer_within(ingest, caller, Permission.TRANSFER_DECIDE, transfer_id)
    if body.decision == "refuse" and not body.reason.strip():
        raise Problem(422, "reason_missing", "Un refus est motivé.", "A refusal needs a reason.")
    await decide(ingest, transfer.id, caller.subject, accept=body.decision == "accept", reason=body.reason)
    decided = await transfer_within(ingest, caller, Permission.TRANSFER_DECIDE, transfer_id)
    return transfer_view(decided, language_of(request.headers.get("accept-language")))


async def transfer_within(ingest: Ingest, caller: Caller, permission: Permission, transfer_id: str) -> Transfer:
    """Return a transfer the caller may see; a foreign or malformed id is as unknown as any other."""
    try:
        wanted = UUID(transfer_id)
    except ValueError as error:
        raise not_found() from error
    transfer = await ingest.transfers.add(wanted)
    if transfer is None or transfer.establishment not in caller.scope(permission):
        await ingest.consultations.refused(caller, wanted)
        raise noted(not_found())
    return transfer


def _purged(order: UUID) -> Problem:
    return Problem(
        410,
        "transfer_purged",
        "Ce document parlait d'archives qui ont été éliminées depuis.",
        "This document told of archives that were eliminated since.",
        extra={"order": str(order)},
    )


def _not_yet(code: str, fr: str, en: str, transfer: Transfer) -> Problem:
    if (order := transfer.purged_by or transfer.forgotten_by) is not None:
        return _purged(order)
    final = transfer.state in {TransferState.ACCEPTED, TransferState.REJECTED, TransferState.JUDGED}
    if final:
        return Problem(
            409,
            code,
            f"{fr} n'existe pas : l'en-tête du bordereau n'a pas pu être lu ; voyez le rapport.",
            f"{en} does not exist: the manifest's header could not be read; see the report.",
        )
    return Problem(
        409,
        code,
        f"{fr} n'est pas encore disponible ; état du versement : {transfer.state}.",
        f"{en} is not ready yet; the transfer is {transfer.state}.",
        headers={"Retry-After": "2"},
    )
