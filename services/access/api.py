"""The HTTP edge of access: search, read, fetch content, order DIPs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.access import queries
from services.access.delivery import Delivery, deliver
from services.access.domain.dip import Dip, DipState
from services.access.domain.representation import Part, Representation, media_type
from services.access.handlers import Access, line, order_dip, record_refusal
from shared.calls import RoomUnavailable
from shared.clock import rfc3339
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.object_store.errors import NoSuchObject, StoreUnavailable
from shared.problems import Problem, not_found, noted

router = APIRouter(prefix="/access/v1", tags=["access"])

DELIVERED: dict[int | str, dict[str, Any]] = {
    206: {"description": "The range asked for."},
    304: {"description": "What If-None-Match names is what there is."},
}


def _access(request: Request) -> Access:
    access: Access = request.app.state.access
    return access


Parts = Annotated[Access, Depends(_access)]
Reader = Annotated[Caller, requires(Permission.CATALOGUE_READ)]
Fetcher = Annotated[Caller, requires(Permission.CONTENT_READ)]


class DipOrder(BaseModel):
    """Units wanted, each with all that is below it; all of one establishment."""

    model_config = ConfigDict(extra="forbid")

    units: list[UUID] = Field(min_length=1, max_length=100)


@router.get("/units")
async def search_units(request: Request, caller: Reader, access: Parts) -> JSONResponse:
    """Search the archive units the caller may see.

    Parameters: `q` (words, accents and plurals regardless; “a phrase”, -without), `identifier`, `establishment`,
    `level`, `aip`, `transfer`, `parent`, `start_from`, `end_to`, `limit`, `cursor`. A digest is the SHA-512 in
    lower-case hexadecimal, a format its PUID; `total` is exact while `total_is_exact`, else a lower bound.
    """
    return await _forwarded(access, caller, "/units", dict(request.query_params))


@router.get("/units/{unit_id}")
async def get_unit(caller: Reader, access: Parts, unit_id: str) -> JSONResponse:
    """Return one archive unit with its whole description."""
    return await _forwarded(access, caller, f"/units/{_identifier(unit_id)}")


@router.get("/units/{unit_id}/children")
async def list_children(request: Request, caller: Reader, access: Parts, unit_id: str) -> JSONResponse:
    """List the units directly below one, in the order of the deposit; `limit` and `cursor` page."""
    path = f"/units/{_identifier(unit_id)}/children"
    return await _forwarded(access, caller, path, dict(request.query_params))


@router.head("/objects/{object_id}/content", response_class=Response, responses=DELIVERED)
@router.get("/objects/{object_id}/content", response_class=Response, responses=DELIVERED)
async def get_content(request: Request, caller: Fetcher, access: Parts, object_id: str) -> Response:
    """Return the bytes of a data object, whole or the range asked for. Every communication is journaled."""
    wanted = _identifier(object_id)
    subject = f"object:{wanted}"
    async with _rooms_at_work():
        found = await access.rooms.data_object(wanted, caller)
    if found is None:
        await record_refusal(access.database, caller, subject)
        raise noted(not_found())
    establishment = UUID(found["establishment"])
    if establishment not in caller.scope(Permission.CONTENT_READ):
        await record_refusal(access.database, caller, subject, establishment)
        raise noted(not_found())
    if found["offset"] is None:
        # A physical object, or one whose bytes are inside the manifest: described, never a file.
        raise not_found()

    def open_part(first: int, length: int) -> Any:  # noqa: ANN401 (an async context manager)
        version = found.get("aip_version")
        return access.rooms.content(UUID(found["aip_id"]), version, found["offset"] + first, length, caller)

    representation = Representation(
        sha512=found["sha512"],
        size=found["size"],
        filename=found["filename"] or str(wanted),
        media_type=media_type(found["format"]["mime"]),
    )
    record = partial(_communicated, access, caller, subject, establishment, representation.sha512)
    async with _rooms_at_work():
        return await deliver(request, Delivery(representation, open_part, record))


@router.post("/dips", status_code=202)
async def create_dip(caller: Fetcher, access: Parts, body: DipOrder) -> JSONResponse:
    """Order a package of archive units and all below them; it can be fetched once its state is `ready`."""
    units = tuple(dict.fromkeys(body.units))
    scope = caller.scope(Permission.CONTENT_READ)
    establishments: set[UUID] = set()
    for unit_id in units:
        async with _rooms_at_work():
            found = await access.rooms.unit(unit_id, caller)
        if found is None or (place := UUID(found["establishment"])) not in scope:
            await record_refusal(access.database, caller, f"unit:{unit_id}")
            raise noted(not_found())
        establishments.add(place)
    if len(establishments) > 1:
        raise _several(establishments)
    dip = await order_dip(access, caller, establishments.pop(), units)
    return JSONResponse(_dip_view(dip), 202, {"Location": _links(dip)["self"]})


@router.get("/dips/{dip_id}")
async def get_dip(caller: Fetcher, access: Parts, dip_id: str) -> dict[str, Any]:
    """Say how far an order has come."""
    return _dip_view(await _within(access, caller, dip_id))


@router.head("/dips/{dip_id}/content", response_class=Response, responses=DELIVERED)
@router.get("/dips/{dip_id}/content", response_class=Response, responses=DELIVERED)
async def get_dip_content(request: Request, caller: Fetcher, access: Parts, dip_id: str) -> Response:
    """Return the package, whole or the range asked for."""
    dip = await _within(access, caller, dip_id)
    if dip.key is None or dip.sha512 is None or dip.size is None:
        raise _no_package(dip)
    key = dip.key

    @asynccontextmanager
    async def open_part(first: int, length: int) -> AsyncIterator[AsyncIterator[bytes]]:
        chunks = await access.staging.open_range(key, None, first, length)
        try:
            yield chunks
        finally:
            await chunks.aclose()

    representation = Representation(dip.sha512, dip.size, f"dip-{dip.id}.zip", "application/zip")
    record = partial(_communicated, access, caller, f"dip:{dip.id}", dip.establishment, dip.sha512)
    try:
        return await deliver(request, Delivery(representation, open_part, record))
    except NoSuchObject as error:
        raise _no_package(dip) from error
    except StoreUnavailable as error:
        raise _unavailable() from error


async def _forwarded(access: Access, caller: Caller, path: str, params: dict[str, str] | None = None) -> JSONResponse:
    async with _rooms_at_work():
        answer = await access.rooms.catalogue(path, caller, params)
    if answer is None:
        raise not_found()
    return JSONResponse(answer)


async def _communicated(
    access: Access, caller: Caller, subject: str, establishment: UUID, sha512: str, part: Part
) -> None:
    """Journal what is about to leave: no byte goes without its line."""
    details: dict[str, str | int] = {"sha512": sha512, "first": part.first, "length": part.length}
    async with access.database.begin() as tx:
        tx.journal(line("content.communicated", caller.subject, subject, establishment, **details))


async def _within(access: Access, caller: Caller, dip_id: str) -> Dip:
    """Return an order the caller may see; a foreign or malformed id is as unknown as any other."""
    wanted = _identifier(dip_id)
    async with access.database.engine.connect() as connection:
        dip = await queries.get_dip(connection, wanted)
    if dip is None or dip.establishment not in caller.scope(Permission.CONTENT_READ):
        place = None if dip is None else dip.establishment
        await record_refusal(access.database, caller, f"dip:{wanted}", place)
        raise noted(not_found())
    return dip


def _dip_view(dip: Dip) -> dict[str, Any]:
    return {
        "id": str(dip.id),
        "state": dip.state,
        "establishment": str(dip.establishment),
        "units": [str(unit) for unit in dip.units],
        "ordered_at": rfc3339(dip.ordered_at),
        "expires_at": rfc3339(dip.expires_at),
        "size": dip.size,
        "sha512": dip.sha512,
        "reason": dip.reason,
        "links": _links(dip),
    }


def _links(dip: Dip) -> dict[str, str]:
    place = f"/access/v1/dips/{dip.id}"
    return {"self": place, "content": f"{place}/content"}


def _several(establishments: set[UUID]) -> Problem:
    return Problem(
        422,
        "several_establishments",
        "Une commande porte sur un seul établissement : faites-en une pour chacun.",
        "An order is for one establishment: make one for each.",
        extra={"establishments": sorted(str(place) for place in establishments)},
    )


def _no_package(dip: Dip) -> Problem:
    if dip.state is DipState.ORDERED:
        return Problem(
            409,
            "dip_not_ready",
            "Ce paquet n'est pas encore prêt.",
            "This package is not ready yet.",
            headers={"Retry-After": "5"},
        )
    if dip.state is DipState.FAILED:
        return Problem(409, "dip_failed", f"Ce paquet n'a pu être fait : {dip.reason}.", f"Not built: {dip.reason}.")
    return Problem(410, "dip_expired", "Ce paquet a expiré ; commandez-le de nouveau.", "Expired; order it again.")


@asynccontextmanager
async def _rooms_at_work() -> AsyncIterator[None]:
    try:
        yield
    except RoomUnavailable as error:
        raise _unavailable() from error


def _unavailable() -> Problem:
    return Problem(
        503,
        "unavailable",
        "Momentanément indisponible ; réessayez plus tard.",
        "Unavailable for the moment; try again later.",
        headers={"Retry-After": "10"},
    )


def _identifier(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise not_found() from error
