"""The HTTP edge of what becomes of sites and copies: what is damaged, and how far each site is."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from services.storage.api import Parts
from services.storage.domain.copies import Copy
from services.storage.domain.holdings import Holding
from services.storage.paging import USUAL, PageSize, a_page
from services.storage.queries import damage
from services.storage.resting import Resting
from services.storage.sites import OpenSite
from shared.clock import rfc3339
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission

router = APIRouter(prefix="/storage/v1", tags=["storage"])

Cursor = Annotated[
    str | None, Query(description="`next` of the page before", max_length=900, pattern=r"^[A-Za-z0-9._~/-]+$")
]


def _surveyed(request: Request) -> Resting[list[dict[str, Any]]]:
    survey: Resting[list[dict[str, Any]]] = request.app.state.site_survey
    return survey


Surveyed = Annotated[Resting[list[dict[str, Any]]], Depends(_surveyed)]


@router.get("/damaged")
async def get_damaged(
    storage: Parts,
    caller: Annotated[Caller, requires(Permission.COPIES_READ)],
    cursor: Cursor = None,
    limit: PageSize = USUAL,
) -> dict[str, Any]:
    """List what no site has a good copy of any more; what is the platform's own only to who may see every one's."""
    within = caller.scope(Permission.COPIES_READ).establishments
    async with storage.database.reading() as connection:
        found = await damage.page(connection, within, cursor or "", limit)
    return a_page(found, limit, partial(_damage, storage.sites), lambda one: one[0].key)


@router.get("/sites")
async def get_sites(
    surveyed: Surveyed, _caller: Annotated[Caller, requires(Permission.SPACE_READ)]
) -> dict[str, Any]:
    """Say of each site what becomes of it, and how far its filling, or its retirement, is.

    All holdings are looked at for that, so it is as of late: the longer it took, the older it may be.
    """
    return {"sites": await surveyed.look()}


def _damage(sites: Mapping[str, OpenSite], one: tuple[Holding, list[Copy]]) -> dict[str, Any]:
    holding, copies = one
    return {
        "id": str(holding.id),
        "kind": holding.kind,
        "version": holding.version,
        "establishment": None if holding.establishment is None else str(holding.establishment),
        "key": holding.key,
        "sha512": holding.sha512,
        "size": holding.size,
        "stored_at": None if holding.stored_at is None else rfc3339(holding.stored_at),
        "copies": [
            {
                "site": copy.site,
                "place": _place(sites.get(copy.site)),
                "state": copy.state,
                "lost_at": None if copy.lost_at is None else rfc3339(copy.lost_at),
            }
            for copy in copies
        ],
    }


def _place(opened: OpenSite | None) -> str | None:
    return None if opened is None else opened.site.place
