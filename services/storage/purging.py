"""Delete one copy after the other, each proven gone by another look than that of whoever deleted it."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.storage.deleting import COPYING, PURGE
from services.storage.domain.copies import Copy, CopyState
from services.storage.domain.holdings import CopyKey, Holding
from services.storage.domain.purges import NOBODY_LOOKS, Obstacle, PurgeOrder, Wait, place
from services.storage.holds import what_forbids
from services.storage.purge_notes import Gone, note_deleted
from services.storage.queries import holdings, purges, sites
from services.storage.sites import OpenSite, is_there
from shared.clock import now
from shared.faults import fault_point
from shared.messaging.lease import Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import enqueue, finish
from shared.object_store.errors import NoSuchObject, ObjectLocked, StoreUnavailable
from shared.object_store.keeping import SiteStore

log = logging.getLogger(__name__)

LONGEST = timedelta(days=1)
"""After which a lock is looked at again: one may be lifted before it ends, and a stranger's may say anything."""


class Purger:
    """Deletes copies of versions that are being purged, one at a time; whatever it finds done it does not mind."""

    def __init__(self, database: RoomDatabase, sites: Mapping[str, OpenSite]) -> None:
        self._database = database
        self._sites = sites

    async def purge(self, held: Lease) -> None:
        """Delete a copy, prove it gone and note that; where that cannot be, name why and wait. Raises `TryAgain`."""
        found = await self._subject(held)
        if found is None:
            async with self._database.begin() as tx:
                await finish(tx, held)
            return
        order, holding, copy = found
        stands = await self._obstacle(held, order, holding, copy)
        attested = None if stands is None else await self._attested(copy, *stands)
        if stands is not None and attested is None:
            await self._wait(held, order, *stands)
            return
        fault_point("storage.purge.proven")
        async with self._database.begin() as tx:
            await note_deleted(tx, held, order.id, Gone(holding, copy, attested), sorted(self._sites))
        fault_point("storage.purge.noted")

    async def _subject(self, held: Lease) -> tuple[PurgeOrder, Holding, Copy] | None:
        """Return what is to be deleted, and by which order; None where that is done."""
        aip, version, site = held.key.split("/", 2)
        key: CopyKey = (UUID(aip), int(version), site)
        async with self._database.reading() as connection:
            found = (await holdings.subjects(connection, [key])).get(key)
            order = await purges.deleting(connection, key[0])
            # Somebody may have it in hand from before: what they would still write is waited for.
            await purges.drop_idle(connection, COPYING, [held.key])
        if found is None:
            raise AssertionError(f"work on a copy that does not exist: {held.key}")
        holding, copy = found
        if order is None or holding.state != "purging" or copy.state is CopyState.PURGED:
            return None
        return order, holding, copy

    async def _attested(self, copy: Copy, where: str, wait: Wait) -> str | None:
        """Return who attests that a copy is gone with its site, where nobody can look for it; None without."""
        if where.partition("/")[2] != copy.site or wait.obstacle not in NOBODY_LOOKS:
            return None
        async with self._database.reading() as connection:
            destroyed = (await sites.destroyed(connection)).get(copy.site)
        return None if destroyed is None else destroyed.attested_by

    async def _obstacle(
        self, held: Lease, order: PurgeOrder, holding: Holding, copy: Copy
    ) -> tuple[str, Wait] | None:
        """Delete; return what stands in the way and where, None once nothing at all is left."""
        here = place(holding.version, copy.site)
        async with self._database.reading() as connection:
            if await purges.is_in_hand(connection, COPYING, held.key):
                return here, Wait(Obstacle.AT_WORK)
        forbidden = await what_forbids(self._database, self._sites, order.aip)
        if forbidden is not None:
            return forbidden
        wait = await self._delete(copy)
        return None if wait is None else (here, wait)

    async def _delete(self, copy: Copy) -> Wait | None:
        opened = self._sites.get(copy.site)
        if opened is None:
            return Wait(Obstacle.UNDECLARED)
        try:
            try:
                async with opened.purger() as purger:
                    await purger.purge(copy.key)
            except ObjectLocked as error:
                return await _lock_of(opened.store, copy.key, str(error))
            fault_point("storage.purge.deleted")
            return await _what_is_left(opened.store, copy)
        except StoreUnavailable as error:
            return Wait(Obstacle.AWAY, told=str(error))

    async def _wait(self, held: Lease, order: PurgeOrder, where: str, wait: Wait) -> None:
        later = wait.until if wait.until is not None and wait.until > now() else None
        async with self._database.begin() as tx:
            await purges.await_at(tx.connection, order.id, where, wait)
            if later is not None:
                # Asked for anew, so that until then it is neither late nor failed.
                await finish(tx, held)
                again = Piece(held.key, cause=held.cause, not_before=min(later, now() + LONGEST), owner=held.owner)
                await enqueue(tx, PURGE, again)
        facts = {"order": str(order.id), "aip": str(order.aip), "place": where, "obstacle": wait.obstacle}
        log.warning("a purge waits", extra=facts)
        if later is None:
            raise TryAgain(f"{order.aip} at {where}: {wait.obstacle} {wait.told}".rstrip())


async def _lock_of(store: SiteStore, key: str, told: str) -> Wait:
    """Return what locks versions of a key: a hold, which has no end that is known, or retentions, and their end."""
    ends: list[datetime] = []
    for version in await store.versions(key):
        if version.marker:
            continue
        try:
            if await store.is_held(key, version.version_id):
                return Wait(Obstacle.HELD, told=told)
            retention = (await store.stat(key, version.version_id)).retention
        except NoSuchObject:
            continue
        if retention is not None:
            ends.append(retention.until)
    return Wait(Obstacle.LOCKED, max(ends, default=None), told)


async def _what_is_left(store: SiteStore, copy: Copy) -> Wait | None:
    """Look for a copy in every way there is; a site that said it had deleted is not believed."""
    left: Sequence[object] = await store.versions(copy.key)
    if left or await store.topmost(copy.key) is not None or await is_there(store, copy.key, copy.version_id):
        return Wait(Obstacle.STILL_THERE, told=f"{len(left)} versions listed")
    return None
