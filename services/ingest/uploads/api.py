"""The HTTP edge of resumable deposits: tus 1.0.0, and a page in JSON for whoever follows an upload."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send
from typing_extensions import override

from services.ingest.domain.upload import GONE, UploadState
from services.ingest.parts import Ingest
from services.ingest.uploads import queries
from services.ingest.uploads.assembling import outcome
from services.ingest.uploads.forgetting import terminate
from services.ingest.uploads.headers import (
    ALGORITHMS,
    EXTENSIONS,
    LONGEST_METADATA,
    VERSION,
    announced,
    checksum_of,
    is_bytes,
    length_of,
    require_bytes,
    require_version,
)
from services.ingest.uploads.queries import Upload
from services.ingest.uploads.receiving import Portion, append, begin
from services.ingest.uploads.refusals import assembling, gone
from services.ingest.uploads.views import PLACE, headers_of, place_of, problem_of, upload_view
from shared.bodies import stream_of
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.problems import Problem, language_of, not_found

_SPOKEN = {"Tus-Resumable": VERSION}


class _Spoken(APIRoute):
    """A route whose every answer says which version of tus it speaks, refusals among them."""

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def spoken(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_SPOKEN)
            await send(message)

        await super().handle(scope, receive, spoken)


router = APIRouter(prefix=PLACE, tags=["uploads"], route_class=_Spoken)


def _ingest(request: Request) -> Ingest:
    ingest: Ingest = request.app.state.ingest
    return ingest


Parts = Annotated[Ingest, Depends(_ingest)]
Depositor = Annotated[Caller, requires(Permission.TRANSFER_DEPOSIT)]
Anyone = Annotated[Caller, requires(Permission.PUBLIC)]
Version = Annotated[str | None, Header(alias="Tus-Resumable")]
Bytes = Annotated[str, Header(pattern=r"^[0-9]{1,15}$")]


async def _own(caller: Depositor, ingest: Parts, upload_id: str) -> Upload:
    """Return an upload that the caller began, and may still; any other is as unknown as what does not exist."""
    try:
        wanted = UUID(upload_id)
    except ValueError as error:
        raise not_found() from error
    async with ingest.database.reading() as connection:
        found = await queries.find(connection, wanted)
    scope = caller.scope(Permission.TRANSFER_DEPOSIT)
    if found is None or found.depositor != caller.subject or found.establishment not in scope:
        raise not_found()
    return found


Own = Annotated[Upload, Depends(_own)]


async def _spoken_of(upload: Own, version: Version = None) -> Upload:
    # What is not the caller's is not found, whatever version he speaks.
    require_version(version)
    return upload


OwnByTus = Annotated[Upload, Depends(_spoken_of)]


@router.options("", status_code=204)
async def get_abilities(_: Anyone, ingest: Parts) -> Response:
    """Say which parts of tus are spoken here, and how large a deposit may be."""
    said = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(ingest.settings.max_sip_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }
    return Response(status_code=204, headers=said)


@router.post("", status_code=201, response_class=Response)
async def create_upload(
    request: Request,
    caller: Depositor,
    ingest: Parts,
    version: Version = None,
    upload_length: Annotated[Bytes | None, Header()] = None,
    upload_metadata: Annotated[str, Header(max_length=LONGEST_METADATA)] = "",
) -> Response:
    """Begin a deposit of ``Upload-Length`` bytes, described by ``Upload-Metadata``; a body is its first bytes.

    Metadata are ``agreement`` (required), ``filename``, ``dry_run`` and ``sha512``, the digest of the whole in
    hexadecimal.
    """
    require_version(version)
    ingest.turnstile.admit(caller.subject)
    length = length_of(upload_length, request.headers.get("upload-defer-length"))
    wanted = announced(upload_metadata)
    has_body = is_bytes(request.headers.get("content-type"))
    portion = _portion(request, request.headers.get("upload-checksum")) if has_body else None
    upload = await begin(ingest, caller, wanted, length, upload_metadata)
    place = {"Location": place_of(upload)}
    if portion is None or portion.size == 0:
        return Response(status_code=201, headers=headers_of(upload) | place)
    try:
        upload = await _taken(ingest, upload, 0, portion)
    except Problem as problem:
        # It has begun all the same, and may go on.
        problem.headers = {**problem.headers, **place}
        raise
    return Response(status_code=201, headers=headers_of(upload) | place)


@router.head("/{upload_id}", response_class=Response)
async def find_offset(upload: OwnByTus) -> Response:
    """Say how far an upload has come: its next byte is ``Upload-Offset``."""
    if upload.state in GONE:
        raise gone(upload.state)
    return Response(headers=headers_of(upload) | {"Upload-Metadata": upload.metadata})


@router.get("/{upload_id}")
async def get_upload(request: Request, response: Response, upload: Own) -> dict[str, Any]:
    """Show where an upload stands, and what came of it: its transfer, or why it was refused."""
    if upload.state is UploadState.TERMINATED:
        raise gone(upload.state)
    response.headers["Cache-Control"] = "no-store"
    return upload_view(upload, language_of(request.headers.get("accept-language")))


@router.patch("/{upload_id}", status_code=204)
async def append_bytes(
    request: Request,
    caller: Depositor,
    ingest: Parts,
    upload: OwnByTus,
    upload_offset: Annotated[Bytes, Header()],
    upload_checksum: Annotated[str | None, Header()] = None,
) -> Response:
    """Append a body to an upload, from ``Upload-Offset`` on; with ``Upload-Checksum``, all of it or nothing.

    With the last byte the answer names the transfer in ``Chartrier-Transfer``, if it is known by then.
    """
    require_bytes(request.headers.get("content-type"))
    ingest.turnstile.admit(caller.subject)
    moved = await _taken(ingest, upload, int(upload_offset), _portion(request, upload_checksum))
    return Response(status_code=204, headers=headers_of(moved))


def _portion(request: Request, checksum: str | None) -> Portion:
    length = request.headers.get("content-length")
    size = int(length) if length and length.isdecimal() else None
    return Portion(stream_of(request), size, checksum_of(checksum))


async def _taken(ingest: Ingest, upload: Upload, offset: int, portion: Portion) -> Upload:
    moved = await outcome(ingest, await append(ingest, upload, offset, portion))
    refusal = problem_of(moved)
    if refusal is not None:
        raise refusal
    return moved


@router.delete("/{upload_id}", status_code=204)
async def delete_upload(ingest: Parts, upload: OwnByTus) -> Response:
    """End an upload: what has come of it goes. A transfer that came of it stays what it is."""
    if upload.state is not UploadState.TERMINATED and not await terminate(ingest, upload):
        raise assembling()
    return Response(status_code=204)
