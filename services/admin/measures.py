"""What admin tells besides its queues: webhooks that should be gone, and endpoints by what became of them."""

from prometheus_client import Gauge

from services.admin.domain.webhook import DisabledFor, State
from services.admin.queries import deliveries
from shared.gauges import Measure, show
from shared.messaging.transaction import RoomDatabase

DUE = Gauge("chartrier_webhook_deliveries_due", "Deliveries of webhooks whose time has come")
DUE_AGE = Gauge("chartrier_webhook_deliveries_due_oldest_seconds", "How long the oldest of them has been due")
ENDPOINTS = Gauge("chartrier_webhook_endpoints", "Endpoints enabled, and disabled by reason", ("state",))

_NONE: dict[tuple[str, ...], float] = {(state,): 0.0 for state in (State.ENABLED.value, *DisabledFor)}


async def measure_webhooks(database: RoomDatabase) -> None:
    """Set the gauges of webhooks; an index has the pending ones only."""
    async with database.reading() as connection:
        due, oldest, endpoints = await deliveries.measured(connection)
    DUE.set(due)
    DUE_AGE.set(oldest)
    show(ENDPOINTS, {**_NONE, **{(state,): float(count) for state, count in endpoints.items()}})


MEASURES = (Measure("webhooks", measure_webhooks),)
