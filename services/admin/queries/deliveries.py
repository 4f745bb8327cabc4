"""Questions about deliveries of webhooks."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, bindparam, delete, extract, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Interval

from services.admin.domain.webhook import LONGEST_PENDING, Delivery, DeliveryState, Event
from services.admin.tables import webhook, webhook_delivery
from shared.messaging.housekeeping import BATCH

KEPT_ATTEMPTS = 50
"""Attempts shown of a delivery, the last ones: it may be replayed any number of times."""

MOST_AGAIN = 1000
"""Deliveries sent again by one request."""

GIVEN_UP_AT_ONCE = 200
"""Deliveries given up by one statement: each has its line in one batch of the journal."""

_PENDING = webhook_delivery.c.state == DeliveryState.PENDING


async def add(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Add deliveries; return the endpoints of those that were not there before (of a message told twice)."""
    if not rows:
        return set()
    added = insert(webhook_delivery).on_conflict_do_nothing().returning(webhook_delivery.c.webhook)
    return set((await connection.scalars(added, list(rows))).all())


async def find(connection: AsyncConnection, webhook_id: UUID, delivery_id: UUID) -> Delivery | None:
    """Return a delivery of an endpoint."""
    found = (webhook_delivery.c.id == delivery_id, webhook_delivery.c.webhook == webhook_id)
    row = (await connection.execute(select(webhook_delivery).where(*found))).one_or_none()
    return None if row is None else _delivery(row)


async def page(
    connection: AsyncConnection, webhook_id: UUID, state: DeliveryState | None, before: UUID | None, limit: int
) -> list[Delivery]:
    """Return deliveries of an endpoint, in one state if asked, the newest first."""
    query = select(webhook_delivery).where(webhook_delivery.c.webhook == webhook_id)
    if state is not None:
        query = query.where(webhook_delivery.c.state == state)
    if before is not None:
        query = query.where(webhook_delivery.c.id < before)
    rows = await connection.execute(query.order_by(webhook_delivery.c.id.desc()).limit(limit))
    return [_delivery(row) for row in rows]


async def first_due(connection: AsyncConnection, webhook_id: UUID) -> Delivery | None:
    """Return the delivery of an endpoint whose turn it is now."""
    due = (webhook_delivery.c.webhook == webhook_id, _PENDING, webhook_delivery.c.next_at <= func.now())
    query = select(webhook_delivery).where(*due).order_by(webhook_delivery.c.next_at, webhook_delivery.c.id).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _delivery(row)


async def next_moment(connection: AsyncConnection, webhook_id: UUID) -> tuple[datetime, bool] | None:
    """Return when an endpoint's next delivery is due, and whether that is now; None where none is pending."""
    first = func.min(webhook_delivery.c.next_at)
    query = select(first, first <= func.now()).where(webhook_delivery.c.webhook == webhook_id, _PENDING)
    moment, is_due = (await connection.execute(query)).one()
    return None if moment is None else (moment, bool(is_due))


async def pending_test(connection: AsyncConnection, webhook_id: UUID) -> Delivery | None:
    """Return the test that an endpoint was asked for and has not had yet."""
    wanted = (webhook_delivery.c.webhook == webhook_id, _PENDING, webhook_delivery.c.event == Event.TEST)
    row = (await connection.execute(select(webhook_delivery).where(*wanted).limit(1))).one_or_none()
    return None if row is None else _delivery(row)


async def record(
    connection: AsyncConnection,
    delivery: Delivery,
    attempt: Mapping[str, Any] | None,
    state: DeliveryState,
    wait: timedelta | None = None,
) -> None:
    """Note an attempt (None: there was none) and what the delivery is after it; pending, it waits for `wait`."""
    attempts = [*delivery.attempts, *([] if attempt is None else [attempt])][-KEPT_ATTEMPTS:]
    values: dict[str, Any] = {"state": state, "attempts": attempts, "tries": delivery.tries + (attempt is not None)}
    if state is DeliveryState.PENDING:
        # Given up while it was under way, by a clock that differs from ours, it is pending again.
        values |= {"next_at": func.now() + wait, "ended_at": None}
    else:
        values["ended_at"] = func.now()
    await connection.execute(webhook_delivery.update().where(webhook_delivery.c.id == delivery.id).values(values))


async def fail_pending(connection: AsyncConnection, webhook_id: UUID) -> None:
    """End whatever an endpoint still had to hear: it was disabled."""
    values = {"state": DeliveryState.FAILED, "ended_at": func.now()}
    await connection.execute(
        webhook_delivery.update().where(webhook_delivery.c.webhook == webhook_id, _PENDING).values(values)
    )


async def ask_again(connection: AsyncConnection, webhook_id: UUID, which: ColumnElement[bool]) -> int:
    """Have deliveries of an endpoint sent again from now on, as if for the first time; return how many.

    `MOST_AGAIN` at a time, the oldest first: their endpoint is locked meanwhile, and all announcements wait for it.
    """
    now = func.now()
    values = {"state": DeliveryState.PENDING, "tries": 0, "asked_at": now, "next_at": now, "ended_at": None}
    oldest = (
        select(webhook_delivery.c.id)
        .where(webhook_delivery.c.webhook == webhook_id, which)
        .order_by(webhook_delivery.c.created_at, webhook_delivery.c.id)
        .limit(MOST_AGAIN)
    )
    changed = await connection.execute(
        webhook_delivery.update().where(webhook_delivery.c.id.in_(oldest)).values(values)
    )
    return changed.rowcount


def one(delivery_id: UUID) -> ColumnElement[bool]:
    """Choose one delivery that has ended."""
    return (webhook_delivery.c.id == delivery_id) & ~_PENDING


def failed_since(since: datetime) -> ColumnElement[bool]:
    """Choose the deliveries that failed of all that was to be told since then."""
    return (webhook_delivery.c.state == DeliveryState.FAILED) & (webhook_delivery.c.created_at >= since)


_OLD = (
    select(webhook_delivery.c.id)
    .where(
        webhook_delivery.c.ended_at.is_not(None),
        webhook_delivery.c.ended_at < func.now() - bindparam("kept", type_=Interval),
    )
    .order_by(webhook_delivery.c.ended_at)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
    .cte("old")
)
_FORGET = delete(webhook_delivery).where(webhook_delivery.c.id == _OLD.c.id)


async def forget(connection: AsyncConnection, kept: timedelta) -> int:
    """Remove some of the deliveries that ended longer ago than that; return how many."""
    return (await connection.execute(_FORGET, {"kept": kept})).rowcount


async def forget_of_removed(connection: AsyncConnection) -> int:
    """Remove some of the deliveries to endpoints that were removed; return how many."""
    some = (
        select(webhook_delivery.c.id)
        .where(webhook_delivery.c.webhook.in_(select(webhook.c.id).where(webhook.c.removed_at.is_not(None))))
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=webhook_delivery)
        .cte("some")
    )
    return (await connection.execute(delete(webhook_delivery).where(webhook_delivery.c.id == some.c.id))).rowcount


async def give_up(connection: AsyncConnection) -> list[Delivery]:
    """End deliveries that have waited for longer than any may, `GIVEN_UP_AT_ONCE` at most; return them."""
    waited = (
        select(webhook_delivery.c.id)
        .where(_PENDING, webhook_delivery.c.asked_at < func.now() - LONGEST_PENDING)
        .limit(GIVEN_UP_AT_ONCE)
        .with_for_update(skip_locked=True)
        .cte("waited")
    )
    values = {"state": DeliveryState.FAILED, "ended_at": func.now()}
    changed = webhook_delivery.update().where(webhook_delivery.c.id == waited.c.id).values(values)
    return [_delivery(row) for row in await connection.execute(changed.returning(*webhook_delivery.c))]


# What waits for its receiver is its owner's business: an endpoint that fails, one that is slow, and one that rests.
_READY_SINCE = func.greatest(webhook_delivery.c.next_at, webhook.c.rests_until)
_OVERDUE = (
    select(func.count(), func.coalesce(extract("epoch", func.now() - func.min(_READY_SINCE)), 0))
    .join_from(webhook_delivery, webhook, webhook.c.id == webhook_delivery.c.webhook)
    .where(
        _PENDING,
        webhook.c.removed_at.is_(None),
        webhook.c.failing_since.is_(None),
        webhook.c.prompt_owed == 0,
        func.now() >= _READY_SINCE,
    )
)
_STATE = func.coalesce(webhook.c.disabled_for, webhook.c.state)
_ENDPOINTS = select(_STATE, func.count()).where(webhook.c.removed_at.is_(None)).group_by(_STATE)


async def measured(connection: AsyncConnection) -> tuple[int, float, dict[str, int]]:
    """Return how many deliveries are due, how long the oldest has been (s), and endpoints by what they hear for."""
    due, oldest = (await connection.execute(_OVERDUE)).one()
    endpoints = {row[0]: row[1] for row in await connection.execute(_ENDPOINTS)}
    return int(due), float(oldest), endpoints


def _delivery(row: Row[Any]) -> Delivery:
    values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's documented name)
    del values["ended_at"]
    known = {"event": Event(row.event), "state": DeliveryState(row.state), "attempts": tuple(row.attempts)}
    return Delivery(**values | known)
