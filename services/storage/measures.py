"""What storage tells of its sites besides its queues: what they hold, and what they are still owed."""

import time
from collections.abc import Callable, Mapping, Sequence

from prometheus_client import Gauge

from services.storage.domain.copies import CopyState
from services.storage.queries import amounts, damage, open_purges
from services.storage.queries.sites import FIRST
from shared.gauges import Measure, show
from shared.messaging.transaction import RoomDatabase

SITE_BYTES = Gauge("chartrier_site_bytes", "Bytes of the copies that were read back from a site", ("site",))
SITE_COPIES = Gauge("chartrier_site_copies", "Copies on a site", ("site", "state"))
SITE_WAITING = Gauge("chartrier_site_waiting", "Copies to be written, or read back, on a site", ("site", "kind"))
SITE_WAITING_AGE = Gauge("chartrier_site_waiting_oldest_seconds", "Age of the oldest of them", ("site", "kind"))
DAMAGED = Gauge("chartrier_holdings_damaged", "What no site has a good copy of any more", ("kind",))

PURGES = Gauge("chartrier_purges_open", "Orders to purge that have not come to their end", ("state",))
PURGES_AGE = Gauge(
    "chartrier_purges_open_oldest_seconds", "Age of the oldest of them, since it was given", ("state",)
)
PURGES_STALLED = Gauge(
    "chartrier_purges_stalled_seconds", "How long an order to purge has stood still without a date that it waits for"
)

UNSETTLED = frozenset({CopyState.TO_WRITE, CopyState.WRITTEN, CopyState.LOST})
"""States in which few copies are, and none is for long."""

SLICE = 20_000
"""Holdings that are counted by one statement."""

WALK_SECONDS = 10.0
"""How long the walk goes on before it rests: `Gauges` gives it a hundred times as long."""

KINDS = ("aip", "record", "journal", "proof")


class SiteTotals:
    """What each site holds: what is owed and unproven there by short indices, all else by a walk over the copy map.

    The walk goes on for some seconds each time it is asked for, and shows what it found once it is at the end: for
    twenty million holdings after some hours, and never at the expense of those who deposit.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, slice_of: int = SLICE) -> None:
        self._clock = clock
        self._slice = slice_of
        self._owed: dict[tuple[str, ...], float] = {}
        self._settled: dict[tuple[str, ...], float] = {}
        self._after = FIRST
        self._found: dict[tuple[str, str], tuple[int, int]] = {}

    async def measure_owed(self, database: RoomDatabase) -> None:
        """Set how many copies are to be written, or read back, or lost."""
        async with database.reading() as connection:
            rows = await amounts.unsettled(connection)
        self._owed = {(site, state): copies for site, state, copies in rows}
        self._show()

    async def measure_totals(self, database: RoomDatabase) -> None:
        """Go on with the walk, and at its end set what each site holds.

        What the map has and was not counted as it was written, is counted then, where all was read at once: a worker
        of a version before the count may have run beside us.
        """
        began, at_once = self._clock(), self._after == FIRST
        while self._clock() - began < WALK_SECONDS:
            async with database.reading() as connection:
                rows, last = await amounts.totals_of_some(connection, self._after, self._slice)
            for site, state, copies, size in rows:
                before = self._found.get((site, state), (0, 0))
                self._found[site, state] = (before[0] + copies, before[1] + size)
            self._after = FIRST if last is None else last
            if last is None:
                found, self._found = self._found, {}
                await self._end(database, found, at_once=at_once)
                return

    async def _end(
        self, database: RoomDatabase, found: Mapping[tuple[str, str], tuple[int, int]], *, at_once: bool
    ) -> None:
        if at_once:
            async with database.begin() as tx:
                await amounts.lift_usage(tx.connection, _written(found))
        self._settled = {key: copies for key, (copies, _) in found.items() if key[1] not in UNSETTLED}
        self._show()
        show(SITE_BYTES, {(site,): float(size) for (site, state), (_, size) in found.items() if state == "verified"})

    def _show(self) -> None:
        show(SITE_COPIES, {**self._settled, **self._owed})


def _written(found: Mapping[tuple[str, str], tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Return the bytes and copies that are on each site."""
    on_sites: dict[str, tuple[int, int]] = {}
    for (site, state), (copies, size) in found.items():
        if state in (CopyState.WRITTEN, CopyState.VERIFIED):
            bytes_so_far, copies_so_far = on_sites.get(site, (0, 0))
            on_sites[site] = (bytes_so_far + size, copies_so_far + copies)
    return on_sites


async def measure_waiting(database: RoomDatabase) -> None:
    """Set what waits for each site: read from the work on it, which is all that is unfinished."""
    async with database.reading() as connection:
        rows = await amounts.waiting(connection)
    show(SITE_WAITING, {(site, kind): copies for site, kind, copies, _ in rows})
    show(SITE_WAITING_AGE, {(site, kind): float(age) for site, kind, _, age in rows})


async def measure_damage(database: RoomDatabase) -> None:
    """Set how much is damaged: a short list, by an index of its own."""
    async with database.reading() as connection:
        found = await damage.count(connection)
    show(DAMAGED, {(kind,): float(found.get(kind, 0)) for kind in (*KINDS, *found)})


async def measure_purges(database: RoomDatabase) -> None:
    """Set how many orders to purge are open, and since when one has not come further: a short list."""
    async with database.reading() as connection:
        rows = await open_purges.counts(connection)
        stalled = await open_purges.stalled(connection)
    show(PURGES, {(state,): float(count) for state, count, _ in rows})
    show(PURGES_AGE, {(state,): float(age) for state, _, age in rows})
    PURGES_STALLED.set(stalled)


def measures() -> Sequence[Measure]:
    """Return what is measured of the sites."""
    totals = SiteTotals()
    return (
        Measure("site_copies", totals.measure_owed),
        Measure("site_totals", totals.measure_totals),
        Measure("site_waiting", measure_waiting),
        Measure("damage", measure_damage),
        Measure("purges", measure_purges),
    )
