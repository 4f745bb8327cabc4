"""What is measured of renewals: how late they are, and for how long what is there still proves something."""

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import Gauge

from services.proof import renewal_listing as listing
from services.proof.algorithms import ALWAYS
from services.proof.renewal_calendar import Calendar
from shared.clock import now
from shared.gauges import Measure
from shared.messaging.transaction import RoomDatabase

OVERDUE = Gauge(
    "chartrier_renewal_overdue_seconds",
    "How long ago the oldest time-stamp (`token`), or tree, was due to be renewed (0: none is)",
    ["kind"],
)
ENDS = Gauge(
    "chartrier_proof_ends_timestamp_seconds",
    "When the first time-stamp (`token`), or algorithm of trees, ceases to prove something (Unix time; 0: no end)",
    ["kind"],
)


def renewal_measures(calendar: Calendar) -> Sequence[Measure]:
    """Return what is measured by a calendar."""

    async def measure(database: RoomDatabase) -> None:
        async with database.reading() as connection:
            lasting = await calendar.lasting(connection)
            trees = await listing.algorithms(connection, lambda name: calendar.tree_due(name) <= now())
        first = min((one.until for one in lasting), default=ALWAYS)
        _show("token", first, min((one.due(calendar.margin) for one in lasting), default=ALWAYS))
        ends = min(map(calendar.algorithms.digest_ends, trees), default=ALWAYS)
        _show("tree", ends, min(map(calendar.tree_due, trees), default=ALWAYS))

    return (Measure("renewals", measure),)


def _show(kind: str, ends: datetime, due: datetime) -> None:
    OVERDUE.labels(kind).set(max(0.0, (now() - due).total_seconds()))
    ENDS.labels(kind).set(0 if ends == ALWAYS else ends.timestamp())
