"""Endpoints that hear of transfers, deliveries to them, and when a delivery is tried again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from services.admin.domain.client import Client, mandates_of
from shared.identity.caller import Caller, Scope
from shared.identity.rights import Permission


class Event(StrEnum):
    """What an endpoint may be told."""

    ACKNOWLEDGED = "transfer.acknowledged"
    ACCEPTED = "transfer.accepted"
    REJECTED = "transfer.rejected"
    DECISION_DUE = "transfer.decision_due"
    RESTORE_TESTED = "aip.restore_tested"
    TEST = "webhook.test"


READS: Final[Mapping[Event, Permission]] = {
    Event.ACKNOWLEDGED: Permission.TRANSFER_READ,
    Event.ACCEPTED: Permission.TRANSFER_READ,
    Event.REJECTED: Permission.TRANSFER_READ,
    Event.DECISION_DUE: Permission.TRANSFER_DECIDE,
    Event.RESTORE_TESTED: Permission.COPIES_READ,
}
"""What the owner of an endpoint must hold where a transfer is, to be told of it; what is not here goes on request."""


class State(StrEnum):
    """Whether an endpoint hears anything."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DisabledFor(StrEnum):
    """Why an endpoint hears nothing: it was asked for, it said that it is gone (410), or failed for days."""

    REQUEST = "request"
    GONE = "gone"
    FAILING = "failing"


class DeliveryState(StrEnum):
    """Where a delivery stands; `withdrawn`: its owner's mandates did not cover it any more when it was to be sent."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a client wants to be told, and of what. Secrets are sealed; no establishments stands for all of his.

    `failing_since` is the first failure after the last success; `rests_until` keeps hands from one that is silent;
    `prompt_owed` is how many prompt answers in a row one that was slow owes.
    """

    id: UUID
    client: UUID
    url: str
    events: tuple[Event, ...]
    establishments: tuple[UUID, ...] | None
    description: str
    secret: bytes
    created_at: datetime
    state: State = State.ENABLED
    disabled_for: DisabledFor | None = None
    former_secret: bytes | None = None
    former_until: datetime | None = None
    failing_since: datetime | None = None
    rests_until: datetime | None = None
    prompt_owed: int = 0

    @property
    def prompt(self) -> bool:
        """Say whether it has answered well and promptly of late: no other waits long for a hand that it holds."""
        return self.failing_since is None and self.prompt_owed == 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one endpoint. `message` is its ``webhook-id``; `tries` are those since it was last asked for.

    That was at `asked_at`: when it was made, or to be sent again. `trace` is the span of what it tells, as a
    ``traceparent``.
    """

    id: UUID
    webhook: UUID
    message: UUID
    event: Event
    establishment: UUID | None
    body: str
    state: DeliveryState
    tries: int
    attempts: tuple[Mapping[str, Any], ...]
    created_at: datetime
    asked_at: datetime
    next_at: datetime
    trace: str | None = None


WAITS: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800, 7200, 18_000, 36_000, 86_400, 86_400)
)
"""Waits after the first, second… failure: ten attempts in about three days."""

LONGEST_WAIT = timedelta(days=1)
"""A receiver may ask for more patience (``Retry-After``), up to this."""

REST = timedelta(minutes=1)
"""How long an endpoint that did not answer in time is left alone."""

LONGEST_PENDING = timedelta(days=5)
"""How long a delivery may wait in all, however much patience its receiver asks for, and however many go before it."""

SLOW = timedelta(seconds=5)
"""An endpoint that holds a hand for longer than this is slow, whatever it answers."""

PROMPT_AGAIN = 3
"""Prompt answers in a row after which an endpoint that was slow is prompt again: not one that is so now and then."""


def wait_after(tries: int, asked: timedelta | None) -> timedelta | None:
    """Return how long to wait after so many failures; None to give up. `asked` is what the receiver asked for."""
    if tries > len(WAITS):
        return None
    usual = WAITS[tries - 1]
    return usual if asked is None else max(usual, min(asked, LONGEST_WAIT))


def wait_of(delivery: Delivery, at: datetime, asked: timedelta | None) -> timedelta | None:
    """Return how long a delivery waits that failed at a moment; None to give it up, for its tries or for its age."""
    wait = wait_after(delivery.tries + 1, asked)
    return None if wait is None or at + wait > delivery.asked_at + LONGEST_PENDING else wait


def owed_after(owed: int, *, slow: bool, delivered: bool) -> int:
    """Return how many prompt answers an endpoint owes after one more; a prompt refusal proves nothing."""
    if slow:
        return PROMPT_AGAIN
    return max(0, owed - delivered)


def scope_of(owner: Client, permission: Permission) -> Scope:
    """Return where a client holds a permission by its mandates as they stand; a disabled one nowhere."""
    if owner.state != "active":
        return Scope(frozenset())
    return Caller(str(owner.id), mandates_of(owner.grants), "").scope(permission)


def may_hear(endpoint: Endpoint, owner: Client, event: Event, establishment: UUID | None) -> bool:
    """Say whether an endpoint may be told of an event in an establishment (None: of nothing but itself)."""
    manages = scope_of(owner, Permission.WEBHOOK_MANAGE)
    if establishment is None:
        return bool(manages)
    chosen = endpoint.establishments is None or establishment in endpoint.establishments
    return chosen and establishment in manages and establishment in scope_of(owner, READS[event])
