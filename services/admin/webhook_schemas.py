"""The bodies that callers send about webhooks, and what they get back."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from services.admin.domain.webhook import Delivery, Endpoint
from services.admin.schemas import Body, Reference
from shared.clock import now, rfc3339

Subscribed = Literal[
    "transfer.acknowledged", "transfer.accepted", "transfer.rejected", "transfer.decision_due", "aip.restore_tested"
]
Events = Annotated[tuple[Subscribed, ...], Field(min_length=1, max_length=20)]
Places = Annotated[tuple[Reference, ...], Field(min_length=1, max_length=200)]
Description = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class NewWebhook(Body):
    """An endpoint to be made; without establishments, for all that the client's mandates cover, now and later."""

    url: str
    events: Events
    establishments: Places | None = None
    description: Description = ""


class WebhookChange(Body):
    """What is to change of an endpoint; what is not named stays."""

    url: str = ""
    events: Events = ("transfer.accepted",)
    establishments: Places | None = None
    description: Description = ""
    state: Literal["enabled", "disabled"] = "enabled"


class Replay(Body):
    """What is to be sent again: all that failed of what was to be told since a moment."""

    since: AwareDatetime


def shown_webhook(endpoint: Endpoint) -> dict[str, Any]:
    """Return an endpoint as its owner sees it: without anything of its secret."""
    former, failing = endpoint.former_until, endpoint.failing_since
    listed = endpoint.establishments
    return {
        "id": str(endpoint.id),
        "url": endpoint.url,
        "events": [event.value for event in endpoint.events],
        "establishments": None if listed is None else [str(one) for one in listed],
        "description": endpoint.description,
        "state": endpoint.state.value,
        "disabled_for": None if endpoint.disabled_for is None else endpoint.disabled_for.value,
        "failing_since": None if failing is None else rfc3339(failing),
        "former_secret_until": None if former is None or former <= now() else rfc3339(former),
        "created_at": rfc3339(endpoint.created_at),
    }


def shown_delivery(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery as its owner sees it; `id` names it here, `message` is its ``webhook-id``."""
    return {
        "id": str(delivery.id),
        "message": str(delivery.message),
        "event": delivery.event.value,
        "establishment": None if delivery.establishment is None else str(delivery.establishment),
        "state": delivery.state.value,
        "created_at": rfc3339(delivery.created_at),
        "next_attempt_at": rfc3339(delivery.next_at) if delivery.state == "pending" else None,
        "attempts": [dict(attempt) for attempt in delivery.attempts],
    }
