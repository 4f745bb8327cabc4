"""What is measured of anchors and seals: how old the last ones are that prove something, and what waits."""

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import Gauge

from services.proof import status_queries as queries
from shared.clock import now
from shared.gauges import Measure
from shared.messaging.transaction import RoomDatabase

ANCHOR_AGE = Gauge(
    "chartrier_anchor_age_seconds", "Age of the newest anchor that is on every site: what is younger can be rewritten"
)
SEAL_AGE = Gauge("chartrier_seal_age_seconds", "Age of the newest time-stamp over all journals")
UNSTAMPED = Gauge(
    "chartrier_seal_unstamped_seconds", "How long the oldest seal has waited for a time-stamp (0: none)"
)
AWAITED = Gauge("chartrier_proof_unstored_seconds", "How long the oldest proof has waited for every site (0: none)")

HOLED = Gauge("chartrier_journals_holed", "Journals that lacked lines when the last seal was made")


async def measure_anchors(database: RoomDatabase) -> None:
    """Set the age of the newest anchor on every site, and how long the oldest proof waits to be there."""
    async with database.reading() as connection:
        newest = await queries.newest_on_sites(connection, "anchor")
        awaited = await queries.oldest_awaited(connection)
        since = newest.at if newest is not None else await queries.first_lines_at(connection)
    ANCHOR_AGE.set(_age(since))
    AWAITED.set(_age(awaited))


async def measure_seals(database: RoomDatabase) -> None:
    """Set the age of the newest time-stamp, and how long the oldest seal waits for one."""
    async with database.reading() as connection:
        stamped = await queries.newest_stamped(connection)
        waiting = await queries.unstamped(connection, 1)
        since = stamped.at if stamped is not None else await queries.first_lines_at(connection)
        HOLED.set(await queries.holed(connection))
    SEAL_AGE.set(_age(since))
    UNSTAMPED.set(_age(waiting[0].at if waiting else None))


def _age(moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (now() - moment).total_seconds())


PROOF_MEASURES: Sequence[Measure] = (
    Measure("proof_anchors", measure_anchors),
    Measure("proof_seals", measure_seals),
)
