"""The HTTP edge of storage: where the copies are, and the bytes themselves, by range."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.storage.consulting import Consultations
from services.storage.domain.copies import Copy
from services.storage.domain.holdings import GOING, Holding
from services.storage.queries import holdings
from services.storage.reading import content
from services.storage.sites import OpenSite
from services.storage.space import SiteSpaces
from shared.byte_ranges import UnsatisfiableRange, byte_range
from shared.clock import rfc3339
from shared.descriptions import content_of
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messaging.transaction import RoomDatabase
from shared.object_store.errors import StoreUnavailable
from shared.problems import Problem, not_found, out_of_range

router = APIRouter(prefix="/storage/v1", tags=["storage"])

TAR = "application/x-tar"

LAST_VERSION = 2**31 - 1
"""What the database can count to."""

REREAD_AT_ONCE = 2
"""AIPs of which one process reads every copy again at a time; others wait for their turn."""


@dataclass(frozen=True)
class Storage:
    """What the edge works with."""

    database: RoomDatabase
    sites: Mapping[str, OpenSite]
    spaces: SiteSpaces
    consultations: Consultations = field(init=False)
    rereadings: asyncio.Semaphore = field(default_factory=partial(asyncio.Semaphore, REREAD_AT_ONCE))

    def __post_init__(self) -> None:
        """Have what is read told to the same database."""
        object.__setattr__(self, "consultations", Consultations(self.database))


def _storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


Parts = Annotated[Storage, Depends(_storage)]


@router.get("/aips/{aip_id}/copies")
async def get_copies(
    aip_id: str, storage: Parts, caller: Annotated[Caller, requires(Permission.COPIES_READ)]
) -> dict[str, Any]:
    """Say where each copy of an AIP is, and when it was last read back."""
    holding, copies = await within(storage, caller, Permission.COPIES_READ, aip_id)
    return {
        "aip_id": str(holding.id),
        "version": holding.version,
        "state": holding.state,
        "sha512": holding.sha512,
        "size": holding.size,
        "copies": [
            {
                "site": copy.site,
                "place": storage.sites[copy.site].site.place if copy.site in storage.sites else None,
                "key": holding.key,
                "version_id": copy.version_id,
                "state": copy.state,
                "sha512": None if copy.verified_at is None else copy.expected.sha512,
                "verified_at": None if copy.verified_at is None else rfc3339(copy.verified_at),
                "lost_at": None if copy.lost_at is None else rfc3339(copy.lost_at),
            }
            for copy in copies
        ],
    }


@router.get("/space")
async def get_space(storage: Parts, _caller: Annotated[Caller, requires(Permission.SPACE_READ)]) -> dict[str, Any]:
    """Say how much room each site has, and which are full."""
    return {"sites": await storage.spaces.look()}


@router.get("/aips/{aip_id}/content", response_class=Response, responses={200: content_of(TAR), 206: content_of(TAR)})
async def get_content(
    request: Request,
    aip_id: str,
    storage: Parts,
    caller: Annotated[Caller, requires(Permission.CONTENT_READ)],
    version: Annotated[int | None, Query(ge=1, le=LAST_VERSION)] = None,
) -> Response:
    """Return an AIP's TAR, or one range of it, from a site whose copy was verified.

    Offsets are those of a `version`; without one the newest that is stored is given.
    """
    async with storage.consultations.refusals_noted(caller, aip_id):
        holding, copies = await within(storage, caller, Permission.CONTENT_READ, aip_id, version)
        if holding.state in GOING:
            raise purged()
    if holding.state == "damaged":
        raise Problem(
            409,
            "damaged",
            "Plus aucun site n'a de copie intègre de ce paquet ; l'exploitant en est averti.",
            "No site has a good copy of this package any more; the operator has been told.",
        )
    try:
        wanted = byte_range(request.headers.get("range"), holding.size)
    except UnsatisfiableRange as error:
        raise out_of_range(holding.size) from error
    offset, length = wanted or (0, holding.size)
    try:
        chunks = await content(holding, copies, storage.sites, offset, length)
    except StoreUnavailable as error:
        raise Problem(
            503,
            "no_site_answers",
            "Aucun site de stockage ne répond pour le moment.",
            "No storage site answers for the moment.",
            headers={"Retry-After": "10"},
        ) from error
    await storage.consultations.read(caller, holding, offset, length)
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": f'"{holding.sha512}"',
        "Content-Length": str(length),
        "Cache-Control": "private, no-store",
    }
    if wanted is not None:
        headers["Content-Range"] = f"bytes {offset}-{offset + length - 1}/{holding.size}"
    return StreamingResponse(chunks, 206 if wanted else 200, headers, media_type=TAR)


def purged() -> Problem:
    """Return the answer for an AIP that was eliminated."""
    return Problem(
        410,
        "aip_purged",
        "Cette archive a été éliminée ; ses octets ne sont plus communiqués.",
        "This archive was eliminated; its bytes are given to nobody any more.",
    )


async def within(
    storage: Storage, caller: Caller, permission: Permission, aip_id: str, version: int | None = None
) -> tuple[Holding, list[Copy]]:
    """Return an AIP the caller may ask about and its copies; a foreign or malformed id is as unknown as any other."""
    try:
        wanted = UUID(aip_id)
    except ValueError as error:
        raise not_found() from error
    async with storage.database.reading() as connection:
        found = await holdings.with_copies(connection, wanted, version)
    if found is None or found[0].kind != "aip" or found[0].establishment is None:
        raise not_found()
    if found[0].establishment not in caller.scope(permission):
        raise not_found()
    return found
