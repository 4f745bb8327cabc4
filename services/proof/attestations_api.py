"""Attestations over HTTP: a signed PDF, given again the same, or why there is none."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof import attestation_queries as queries
from services.proof import receipt_queries, statement_queries
from services.proof.attestation_problems import no_receipt, none_communicated, none_eliminated, refused
from services.proof.attestation_queries import Attestation
from services.proof.attestations.facts import version_communicated
from services.proof.attesting import ATTEST
from services.proof.domain.attestations import Kind
from services.proof.identifying import Aip
from services.proof.receipts import ask_for
from services.proof.statements_api import PATIENCE_SECONDS, Holder, Number, waited_for
from shared.descriptions import content_of
from shared.identifiers import new_id
from shared.identity.caller import Caller, Scope
from shared.identity.rights import Permission
from shared.messages.journal import JournalLineV1
from shared.messaging.lease import Piece
from shared.messaging.lines import line_writer
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import enqueue
from shared.problems import not_found

PDF = "application/pdf"

COMMUNICATED = "attestation.communicated"

Order = Annotated[UUID | None, Query()]
LineNumber = Annotated[int | None, Query(ge=1, le=2**53 - 1)]


def attestation_routes(database: RoomDatabase, patience: float = PATIENCE_SECONDS) -> APIRouter:
    """Return the route of attestations; an answer waits for up to `patience` seconds."""
    router, lines = APIRouter(prefix="/proof/v1", tags=["evidence"]), line_writer(database)

    @router.get("/aips/{aip_id}/attestation", response_class=Response, responses={200: content_of(PDF)})
    async def attest(
        caller: Holder,
        aip: Aip,
        kind: Kind = Kind.INTEGRITY,
        number: Number = None,
        order: Order = None,
        line: LineNumber = None,
    ) -> Response:
        """Return an attestation of an AIP, as a signed PDF (PAdES) in French, issued now where there is none.

        Of deposit and of integrity it is issued only once every copy was read again and found whole; that of
        integrity is of this moment, and of each `id` given again the same. One of elimination may name its `order`;
        one of communication names the `line` of the journal of archives that tells of it. One that is not ready in
        time (202) says where it will be.
        """
        asked = number or await _asked_for(database, caller, (kind, aip), {"order": order, "line": line})
        found = await waited_for(partial(_over, database, caller, (kind, aip), asked), patience)
        place = f"/proof/v1/aips/{aip}/attestation?kind={kind}&id={asked}"
        if found is None:
            return JSONResponse({"id": str(asked), "state": "making"}, 202, {"Location": place, "Retry-After": "10"})
        if found.pdf is None:
            raise refused(found.refused or {})
        await lines.add(_line(caller, found))
        headers = {
            "Content-Location": place,
            "Content-Disposition": f'attachment; filename="{kind}-{asked}.pdf"',
            "Cache-Control": "private, no-store",
        }
        return Response(found.pdf, media_type=PDF, headers=headers)

    return router


async def _asked_for(
    database: RoomDatabase, caller: Caller, what: tuple[Kind, UUID], about: Mapping[str, Any]
) -> UUID:
    """Note that an attestation is asked for, have it made, and return its id. Raises a `Problem`."""
    async with database.begin() as tx:
        wanted = await _wanted(tx.connection, caller, what, about)
        if isinstance(wanted, UUID):
            await ask_for(tx, wanted)
        else:
            wanted = await queries.ask(tx.connection, wanted)
            if not wanted.is_over:
                await enqueue(tx, ATTEST, Piece(str(wanted.id), owner=str(wanted.establishment)))
    if isinstance(wanted, UUID):
        raise no_receipt()
    return wanted.id


async def _over(database: RoomDatabase, caller: Caller, what: tuple[Kind, UUID], number: UUID) -> Attestation | None:
    """Return an attestation that is issued or refused; None before. Raises a 404 `Problem`."""
    kind, aip = what
    async with database.reading() as connection:
        found = await queries.find_of(connection, caller.scope(Permission.EVIDENCE_READ), aip, number)
    if found is None or found.kind is not kind:
        raise not_found()
    return found if found.is_over else None


async def _wanted(
    connection: AsyncConnection, caller: Caller, what: tuple[Kind, UUID], about: Mapping[str, Any]
) -> Attestation | UUID:
    """Return what is asked for, or the transfer whose receipt is not there yet.

    Raises a `Problem` where there is nothing to attest.
    """
    kind, aip = what
    scope, number, who = caller.scope(Permission.EVIDENCE_READ), new_id(), caller.subject
    if kind is Kind.ELIMINATION:
        purged = await queries.purged(connection, scope, aip, about["order"])
        if purged is None:
            known = await queries.versions(connection, scope, aip)
            raise none_eliminated() if known else not_found()
        return Attestation(number, kind, str(purged.order), aip, 1, purged.establishment, who)
    if kind is Kind.COMMUNICATION:
        return await _communicated(connection, scope, aip, about["line"], who)
    subject = await statement_queries.subject(connection, aip, None, scope)
    if subject is None:
        raise not_found()
    if await receipt_queries.find_by_aip(connection, scope, aip) is None:
        return subject.transfer
    named = str(aip)
    if kind is Kind.INTEGRITY:
        making = await queries.pending(connection, kind, aip, subject.version)
        if making is not None:
            return making
        named = f"{aip}.v{subject.version}/{number}"
    return Attestation(number, kind, named, aip, subject.version, subject.establishment, who)


async def _communicated(
    connection: AsyncConnection, scope: Scope, aip: UUID, number: int | None, who: str
) -> Attestation:
    versions = await queries.versions(connection, scope, aip)
    if not versions:
        raise not_found()
    name = f"archives.{versions[0].establishment}"
    line = None if number is None else await queries.line_of(connection, name, number)
    version = None if line is None else version_communicated(line, versions)
    if version is None:
        raise none_communicated()
    subject = f"{name}#{number}"
    return Attestation(new_id(), Kind.COMMUNICATION, subject, aip, version.version, version.establishment, who)


def _line(caller: Caller, made: Attestation) -> JournalLineV1:
    return JournalLineV1(
        kind="archives",
        action=COMMUNICATED,
        actor=caller.subject,
        object=f"aip:{made.aip}",
        establishment=made.establishment,
        details={"attestation": str(made.id), "kind": made.kind.value},
    )
