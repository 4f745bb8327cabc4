"""How deliveries end: each is counted, and one that failed after all its attempts is told to the journal."""

from prometheus_client import Counter

from services.admin.domain.webhook import Delivery, DeliveryState
from services.admin.handlers.journal import event
from shared.messaging.transaction import Transaction

ACTOR = "room:admin"

ENDED = Counter("chartrier_webhook_deliveries", "Deliveries of webhooks that ended", ("state",))


def ended(tx: Transaction, delivery: Delivery, state: DeliveryState) -> None:
    """A delivery has ended in a state, which its row has already."""
    ENDED.labels(state).inc()
    if state is not DeliveryState.FAILED:
        return
    details: dict[str, str | int] = {"delivery": str(delivery.id), "event": delivery.event.value}
    line = event("webhook.delivery_failed", ACTOR, f"webhook:{delivery.webhook}", delivery.establishment, details)
    tx.journal(line.model_copy(update={"outcome": "ko"}))
