"""Read one copy again, cold and whole, and see to it that it stays locked; nothing is written down here."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.storage.domain.audits import Due, Examined, Verdict, judge
from services.storage.domain.sites import retention_of
from services.storage.queries import audits
from services.storage.sites import OpenSite
from shared.clock import now
from shared.faults import fault_point
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.object_store.errors import NoSuchObject, StoreError, StoreFull
from shared.object_store.port import ObjectFacts


@dataclass(frozen=True, slots=True)
class Watched:
    """What lies over a copy (None: nobody could see), and whether it stays locked as long as it should."""

    overlaid: bool | None
    renewed: bool


@dataclass(frozen=True, slots=True)
class Examiner:
    """Reads copies on the sites; `retention` is how long a lock lasts from now on. `clock`, in seconds, times it."""

    database: RoomDatabase
    sites: Mapping[str, OpenSite]
    retention: timedelta
    clock: Callable[[], float] = time.perf_counter

    async def examine(self, due: Due) -> Examined:
        """Read a copy whole and judge it. Raises `TryAgain` when its site is away.

        Where the site is there and only this copy cannot be read, its verdict is `UNKNOWN`: others are not kept
        from being read by it.
        """
        opened = self.sites[due.site]
        started = self.clock()
        try:
            found = await opened.store.sha512(due.key, due.version_id, cold=True)
        except NoSuchObject:
            found = None
        except StoreError as error:
            await _require_site(opened, error)
            return Examined(due, Verdict.UNKNOWN, None, now(), self.clock() - started)
        at, seconds = now(), self.clock() - started
        fault_point("storage.audit.read")
        verdict = judge(due.expected, found)
        if verdict is not Verdict.WHOLE or due.version_id is None:
            return Examined(due, verdict, found, at, seconds)
        watched = await self.watch_over(due)
        fault_point("storage.audit.renewed")
        return Examined(due, verdict, found, at, seconds, watched.overlaid, watched.renewed)

    async def watch_over(self, due: Due) -> Watched:
        """Look what lies above a copy with versions, and renew its lock where its site locks.

        A store that will not answer, or refuses, has not renewed: whoever asks sees to it that it is asked again.
        """
        opened = self.sites[due.site]
        try:
            top = await opened.store.topmost(due.key)
        except StoreError:
            return Watched(overlaid=None, renewed=False)
        ours = top is not None and top.version_id == due.version_id
        return Watched(overlaid=not ours, renewed=await self._renewed(opened, due, top if ours else None))

    async def _renewed(self, opened: OpenSite, due: Due, facts: ObjectFacts | None) -> bool:
        wanted = retention_of(opened.site, now(), self.retention)
        if wanted is None:
            return True
        try:
            facts = facts or await opened.store.stat(due.key, due.version_id)
            short = facts.retention is None or facts.retention.until < wanted.until
            if short and await self._is_kept(due):
                await opened.store.renew(due.key, due.version_id, wanted)
        except StoreError:
            return False
        return True

    async def _is_kept(self, due: Due) -> bool:
        # Asked as late as can be: dues are fetched ahead, a large one is read for long, and what is ordered to be
        # purged meanwhile must not be locked for a window more.
        async with self.database.reading() as connection:
            return await audits.one(connection, due.holding, due.version, due.site) is not None


async def _require_site(opened: OpenSite, error: StoreError) -> None:
    """Raise `TryAgain` unless the site takes and gives bytes as ever."""
    try:
        await opened.store.probe()
    except StoreFull:
        return  # it gives
    except StoreError:
        raise TryAgain(f"site {opened.site.name}: {error}") from error
