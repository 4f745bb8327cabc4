"""What is wrong with sites, for as long as it is: told from the database, so that no alarm dies with a process."""

from collections.abc import Sequence

from prometheus_client import Gauge

from services.storage.queries import overlays, runs
from shared.gauges import show
from shared.messaging.transaction import RoomDatabase

OVERLAID = Gauge("chartrier_copies_overlaid", "Copies that lie under a strange version or marker", ("site",))
NAMED = Gauge("chartrier_audit_named", "What the last comparison of a site found wrong", ("site", "outcome"))
LOSING = Gauge("chartrier_site_losing", "1 where so many copies were found lost that they are read slowly", ("site",))

WRONG = ("orphan", "missing")


async def measure_standing(sites: Sequence[str], database: RoomDatabase) -> None:
    """Set what lies above copies, what comparisons found, and which sites lose: a few rows each."""
    async with database.snapshot() as connection:
        overlaid = await overlays.count(connection)
        compared = await runs.last_compared(connection, sites)
        losing = await runs.losing(connection)
    show(OVERLAID, {(site,): float(overlaid.get(site, 0)) for site in sites})
    show(
        NAMED,
        {(site, outcome): float(counts.get(outcome, 0)) for site, counts in compared.items() for outcome in WRONG},
    )
    show(LOSING, {(site,): float(site in losing) for site in sites})
