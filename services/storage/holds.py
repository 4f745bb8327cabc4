"""Whether anything forbids to destroy an AIP: a legal hold on a copy of a version of it, or not knowing of one."""

from collections.abc import Mapping
from uuid import UUID

from services.storage.domain.copies import Copy, CopyState
from services.storage.domain.purges import NOBODY_LOOKS, Obstacle, Wait, place
from services.storage.queries import holdings, purges, sites
from services.storage.sites import OpenSite
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.object_store.errors import NoSuchObject, StoreUnavailable


async def what_forbids(database: RoomDatabase, opened: Mapping[str, OpenSite], aip: UUID) -> tuple[str, Wait] | None:
    """Return the first place that forbids to delete any copy of an AIP, and why; None where none does.

    Asked before each deletion, of all that is left: a hold is about the archives, on whichever copy it stands
    (LIF-02). A site that cannot be asked may have one, unless it is attested to be destroyed.
    """
    async with database.reading() as connection:
        copies = await holdings.copies_of_all(connection, await purges.versions(connection, aip))
        destroyed = await sites.destroyed(connection)
    for (_, version), found in copies.items():
        for copy in found:
            wait = await _forbidden_by(opened.get(copy.site), copy)
            if wait is None or (copy.site in destroyed and wait.obstacle in NOBODY_LOOKS):
                continue
            return place(version, copy.site), wait
    return None


async def require_free(database: RoomDatabase, opened: Mapping[str, OpenSite], order_id: UUID) -> None:
    """Raise `TryAgain` while anything forbids to delete what an order is about; what that is, is noted."""
    async with database.reading() as connection:
        order = await purges.find(connection, order_id)
    if order is None:
        raise AssertionError(f"work on an order that does not exist: {order_id}")
    forbidden = await what_forbids(database, opened, order.aip)
    if forbidden is None:
        return
    where, wait = forbidden
    async with database.begin() as tx:
        await purges.await_at(tx.connection, order_id, where, wait)
    raise TryAgain(f"{order.aip} at {where}: {wait.obstacle}")


async def _forbidden_by(opened: OpenSite | None, copy: Copy) -> Wait | None:
    if copy.written_at is None or copy.state is CopyState.PURGED:
        return None
    if opened is None:
        # Of a retired site the copies count no more; that they are gone has to be proven all the same.
        return None if copy.state is CopyState.RETIRED else Wait(Obstacle.UNDECLARED)
    try:
        is_held = await opened.store.is_held(copy.key, copy.version_id)
    except NoSuchObject:
        return None
    except StoreUnavailable as error:
        return Wait(Obstacle.AWAY, told=str(error))
    return Wait(Obstacle.HELD) if is_held else None
