"""Long work as rows: leased on PostgreSQL's clock, with an epoch, renewed while the worker lives.

    enqueue ──► ready ──lease──► leased ──finish──► gone
                  ▲                │
                  └── postpone ────┤  (failure of the world: later, without limit)
                  └── lease runs out (the worker died or hangs): epoch + 1 for whoever takes it next

A worker whose epoch is no longer the row's can record nothing: `confirm`, `finish` and `postpone` raise
`StaleLease`, which rolls its transaction back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    Interval,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from shared.database.plumbing import work
from shared.messaging.transaction import RoomDatabase, Transaction

LEASE_SECONDS = 30
"""How long a lease lasts unless renewed; workers renew every third of it."""

BACKOFF_SECONDS = (1, 2, 5, 15, 60)
"""Waits after the first, second… failure; the last one repeats for as long as it takes."""


class StaleLease(Exception):
    """Another worker holds this work now; whatever we found out no longer counts."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One piece of work in our hands. `payload` is what `enqueue` was given."""

    id: int
    kind: str
    key: str
    epoch: int
    attempts: int
    payload: Mapping[str, Any]


def _seconds(parameter: str) -> ColumnElement[timedelta]:
    one_second = literal_column("interval '1 second'", Interval)
    return bindparam(parameter, type_=Float) * one_second


# Built once: these run for every piece of work, and building a statement costs as much as running it.
_ENQUEUE = insert(work).on_conflict_do_nothing()

_READY = (
    select(work.c.id)
    .where(
        work.c.kind.in_(bindparam("kinds", expanding=True)),
        work.c.not_before <= func.now(),
        (work.c.leased_until.is_(None)) | (work.c.leased_until < func.now()),
    )
    .order_by(work.c.not_before)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    # As a table of its own it is read once; as a subquery a plan might read it again, and lease too many.
    .cte("ready")
)

_LEASE = (
    update(work)
    .where(work.c.id == _READY.c.id)
    .values(
        epoch=work.c.epoch + 1,
        attempts=work.c.attempts + 1,
        leased_until=func.clock_timestamp() + _seconds("lease_seconds"),
    )
    .returning(work.c.id, work.c.kind, work.c.key, work.c.epoch, work.c.attempts, work.c.payload)
)

_OURS = (work.c.id == bindparam("row_id")) & (work.c.epoch == bindparam("row_epoch"))

_RENEW = (
    update(work)
    .where(_OURS)
    .values(leased_until=func.clock_timestamp() + _seconds("lease_seconds"), progressed_at=func.now())
    .returning(work.c.id)
)

_RELEASE = update(work).where(_OURS).values(leased_until=None, attempts=work.c.attempts - 1)

_CONFIRM = select(work.c.id).where(_OURS).with_for_update()

_FINISH = delete(work).where(_OURS).returning(work.c.id)

_POSTPONE = (
    update(work)
    .where(_OURS)
    .values(
        leased_until=None,
        not_before=func.clock_timestamp() + _seconds("delay_seconds"),
        last_error=bindparam("reason"),
    )
    .returning(work.c.id)
)


async def enqueue(tx: Transaction, kind: str, key: str, payload: Mapping[str, Any] | None = None) -> None:
    """Ask for work; the same kind and key asked twice while pending is one piece of work."""
    await enqueue_all(tx, kind, {key: payload or {}})


async def enqueue_all(tx: Transaction, kind: str, payloads: Mapping[str, Mapping[str, Any]]) -> None:
    """Ask for several pieces of work at once, by key."""
    rows = [{"kind": kind, "key": key, "payload": dict(payload)} for key, payload in payloads.items()]
    await tx.connection.execute(_ENQUEUE, rows)
    tx.enqueued = True


async def lease(
    database: RoomDatabase, kinds: Sequence[str], limit: int, *, seconds: float = LEASE_SECONDS
) -> list[Lease]:
    """Take up to `limit` pieces of ready work, oldest first; no two workers take the same."""
    wanted = {"kinds": list(kinds), "most": limit, "lease_seconds": seconds}
    async with database.reading() as connection:
        rows = (await connection.execute(_LEASE, wanted)).all()
    return [Lease(*row) for row in rows]


async def renew(database: RoomDatabase, leases: Sequence[Lease], *, seconds: float = LEASE_SECONDS) -> set[int]:
    """Prolong leases that are still ours; return the ids of those."""
    kept: set[int] = set()
    async with database.reading() as connection:
        for held in leases:
            row = await connection.execute(_RENEW, {**_named(held), "lease_seconds": seconds})
            if row.one_or_none() is not None:
                kept.add(held.id)
    return kept


async def release(database: RoomDatabase, leases: Sequence[Lease]) -> None:
    """Let go of leases that are still ours: whoever comes next need not wait until they run out."""
    async with database.reading() as connection:
        for held in leases:
            await connection.execute(_RELEASE, _named(held))


async def confirm(tx: Transaction, held: Lease) -> None:
    """Make sure, until the transaction ends, that the work is still ours. Raises `StaleLease`."""
    if (await tx.connection.execute(_CONFIRM, _named(held))).one_or_none() is None:
        raise StaleLease(f"{held.kind} {held.key}")


async def finish(tx: Transaction, held: Lease) -> None:
    """Close the work together with its effects. Raises `StaleLease` when it is no longer ours."""
    if (await tx.connection.execute(_FINISH, _named(held))).one_or_none() is None:
        raise StaleLease(f"{held.kind} {held.key}")


async def postpone(tx: Transaction, held: Lease, reason: str) -> None:
    """Give the work back for later. Raises `StaleLease` when it is no longer ours."""
    delay = BACKOFF_SECONDS[min(held.attempts, len(BACKOFF_SECONDS)) - 1]
    values = {**_named(held), "delay_seconds": delay, "reason": reason[:500]}
    if (await tx.connection.execute(_POSTPONE, values)).one_or_none() is None:
        raise StaleLease(f"{held.kind} {held.key}")


def _named(held: Lease) -> dict[str, int]:
    return {"row_id": held.id, "row_epoch": held.epoch}
