"""The HTTP face of purges: what was ordered, how far it has come, and what it waits for; nothing is ordered here."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter

from services.storage.api import Parts
from services.storage.domain.purges import PurgeOrder
from services.storage.paging import USUAL, Cursor, PageSize, a_page
from services.storage.queries import purges
from shared.clock import rfc3339
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission

router = APIRouter(prefix="/storage/v1/purges", tags=["purges"])


@router.get("")
async def list_purges(
    storage: Parts,
    caller: Annotated[Caller, requires(Permission.COPIES_READ)],
    cursor: Cursor = None,
    limit: PageSize = USUAL,
    establishment: UUID | None = None,
) -> dict[str, Any]:
    """List orders to purge, the newest first."""
    scope = caller.scope(Permission.COPIES_READ)
    async with storage.database.reading() as connection:
        found = await purges.page(connection, scope, cursor, limit, establishment)
    return a_page(found, limit, _shown, lambda order: order.id)


def _shown(order: PurgeOrder) -> dict[str, Any]:
    return {
        "id": str(order.id),
        "establishment": str(order.establishment),
        "aip_id": str(order.aip),
        "units": [str(unit) for unit in order.units],
        "state": order.state.value,
        "ordered_at": rfc3339(order.ordered_at),
        "reason": order.reason,
        "done_at": None if order.done_at is None else rfc3339(order.done_at),
        "list_sha512": order.ordered["list_sha512"],
        "visa_sha512": order.ordered["visa_sha512"],
        # What a store says of itself is for the log: here it is enough to know what stands in the way, and where.
        "waits": [
            {**_place(where), "obstacle": wait["obstacle"], "until": wait["until"]}
            for where, wait in sorted(order.waits.items())
        ],
        "gone": [{**_place(where), "proven_at": at} for where, at in sorted(order.proofs.items())],
    }


def _place(where: str) -> dict[str, Any]:
    version, _, site = where.partition("/")
    return {"version": int(version), "site": site}
