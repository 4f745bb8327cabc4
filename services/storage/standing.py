"""What is wrong with sites, for as long as it is: told from the database, so that no alarm dies with a process."""

from collections.abc import Sequence
from datetime import timedelta

from prometheus_client import Gauge

from services.storage.queries import overlays, runs, standing
from shared.gauges import show
from shared.messaging.transaction import RoomDatabase

OVERLAID = Gauge("chartrier_copies_overlaid", "Copies that lie under a strange version or marker", ("site",))
NAMED = Gauge("chartrier_audit_named", "What the last comparison of a site found wrong", ("site", "outcome"))
LOSING = Gauge("chartrier_site_losing", "1 where so many copies were found lost that they are read slowly", ("site",))
UNREADABLE = Gauge("chartrier_copies_unreadable", "Copies that could not be read, and were not read since", ("site",))
LOST_LATELY = Gauge(
    "chartrier_copies_lost_lately",
    "Copies that were lost, and are written or whole for less than an hour",
    ("site",),
)
TO_RENEW = Gauge("chartrier_locks_to_renew", "Locks that a site has not renewed, and is asked for again", ("site",))

LATELY = timedelta(hours=1)
"""How long a copy that was lost is told of once it is whole again: most are within minutes."""

MOST_LOCKS = 1000
"""Locks that are counted on a site: more say no more."""

WRONG = ("orphan", "missing")


async def measure_standing(sites: Sequence[str], database: RoomDatabase) -> None:
    """Set what lies above copies, what comparisons found, which sites lose, what is lost, unread or not renewed.

    A few rows each.
    """
    async with database.snapshot() as connection:
        overlaid = await overlays.count(connection)
        compared = await runs.last_compared(connection, sites)
        losing = await runs.losing(connection)
        by_site = (
            (UNREADABLE, await standing.unreadable(connection)),
            (LOST_LATELY, await standing.lost_lately(connection, LATELY)),
            (TO_RENEW, await standing.locks_to_renew(connection, sites, MOST_LOCKS)),
        )
    show(OVERLAID, {(site,): float(overlaid.get(site, 0)) for site in sites})
    show(
        NAMED,
        {(site, outcome): float(counts.get(outcome, 0)) for site, counts in compared.items() for outcome in WRONG},
    )
    for gauge, found in by_site:
        show(gauge, {(site,): float(found.get(site, 0)) for site in sites})
    show(LOSING, {(site,): float(site in losing) for site in sites})
