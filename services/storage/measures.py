"""What storage tells of its sites besides its queues: what they hold, and what they are still owed."""

from collections.abc import Sequence
from decimal import Decimal

from prometheus_client import Gauge

from services.storage.domain.copies import CopyState
from services.storage.queries import amounts, damage, open_purges
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

KINDS = ("aip", "record", "journal")


async def measure_totals(database: RoomDatabase) -> None:
    """Set what each site holds: the whole copy map is read, so `Gauges` lets this rest the longer it takes.

    What the map has and was not counted as it was written, is counted now: a worker of a version before the count
    may have run beside us.
    """
    async with database.reading() as connection:
        rows = await amounts.totals(connection)
    async with database.begin() as tx:
        await amounts.lift_usage(tx.connection, _written(rows))
    show(SITE_COPIES, {(site, state): copies for site, state, copies, _ in rows})
    show(SITE_BYTES, {(site,): float(size) for site, state, _, size in rows if state == CopyState.VERIFIED})


def _written(rows: Sequence[tuple[str, str, int, Decimal]]) -> dict[str, tuple[int, int]]:
    """Return the bytes and copies that are on each site."""
    found: dict[str, tuple[int, int]] = {}
    for site, state, copies, size in rows:
        if state in (CopyState.WRITTEN, CopyState.VERIFIED):
            bytes_so_far, copies_so_far = found.get(site, (0, 0))
            found[site] = (bytes_so_far + int(size), copies_so_far + copies)
    return found


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


MEASURES = (
    Measure("site_totals", measure_totals),
    Measure("site_waiting", measure_waiting),
    Measure("damage", measure_damage),
    Measure("purges", measure_purges),
)
