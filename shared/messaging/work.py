"""Long work as rows: leased on PostgreSQL's clock, with an epoch, renewed while the worker lives.

    enqueue ──► ready ──lease──► leased ──finish──► gone
                  ▲                │
                  └── postpone ────┤  (failure of the world: later, without limit)
                  └── lease runs out (the worker died or hangs): epoch + 1 for whoever takes it next

A worker whose epoch is no longer the row's can record nothing: `finish` and `postpone` raise
`StaleLease`, which rolls its transaction back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Float, Interval, bindparam, delete, func, literal_column, select, update
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


async def enqueue(tx: Transaction, kind: str, key: str, payload: Mapping[str, Any] | None = None) -> None:
    """Ask for work; the same kind and key asked twice while pending is one piece of work."""
    row = {"kind": kind, "key": key, "payload": dict(payload or {})}
    await tx.connection.execute(insert(work).values(row).on_conflict_do_nothing())
    tx.enqueued = True


async def lease(
    database: RoomDatabase, kinds: Sequence[str], limit: int, *, seconds: float = LEASE_SECONDS
) -> list[Lease]:
    """Take up to `limit` pieces of ready work, oldest first; no two workers take the same."""
    ready = (
        select(work.c.id)
        .where(
            work.c.kind.in_(kinds),
            work.c.not_before <= func.now(),
            (work.c.leased_until.is_(None)) | (work.c.leased_until < func.now()),
        )
        .order_by(work.c.not_before)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(work)
        .where(work.c.id.in_(ready.scalar_subquery()))
        .values(
            epoch=work.c.epoch + 1,
            attempts=work.c.attempts + 1,
            leased_until=func.clock_timestamp() + _seconds("lease_seconds"),
        )
        .returning(work.c.id, work.c.kind, work.c.key, work.c.epoch, work.c.attempts, work.c.payload)
    )
    async with database.engine.begin() as connection:
        rows = (await connection.execute(taken, {"lease_seconds": seconds})).all()
    return [Lease(row.id, row.kind, row.key, row.epoch, row.attempts, row.payload) for row in rows]


async def renew(database: RoomDatabase, leases: Sequence[Lease], *, seconds: float = LEASE_SECONDS) -> set[int]:
    """Prolong leases that are still ours; return the ids of those."""
    if not leases:
        return set()
    ours = (
        update(work)
        .where(work.c.id == bindparam("row_id"), work.c.epoch == bindparam("row_epoch"))
        .values(leased_until=func.clock_timestamp() + _seconds("lease_seconds"), progressed_at=func.now())
        .returning(work.c.id)
    )
    kept: set[int] = set()
    async with database.engine.begin() as connection:
        for held in leases:
            row = {"row_id": held.id, "row_epoch": held.epoch, "lease_seconds": seconds}
            if (await connection.execute(ours, row)).one_or_none() is not None:
                kept.add(held.id)
    return kept


async def confirm(tx: Transaction, held: Lease) -> None:
    """Make sure, until the transaction ends, that the work is still ours. Raises `StaleLease`."""
    ours = select(work.c.id).where(work.c.id == held.id, work.c.epoch == held.epoch).with_for_update()
    if (await tx.connection.execute(ours)).one_or_none() is None:
        raise StaleLease(f"{held.kind} {held.key}")


async def finish(tx: Transaction, held: Lease) -> None:
    """Close the work together with its effects. Raises `StaleLease` when it is no longer ours."""
    ours = delete(work).where(work.c.id == held.id, work.c.epoch == held.epoch).returning(work.c.id)
    if (await tx.connection.execute(ours)).one_or_none() is None:
        raise StaleLease(f"{held.kind} {held.key}")


async def postpone(tx: Transaction, held: Lease, reason: str) -> None:
    """Give the work back for later. Raises `StaleLease` when it is no longer ours."""
    delay = BACKOFF_SECONDS[min(held.attempts, len(BACKOFF_SECONDS)) - 1]
    ours = (
        update(work)
        .where(work.c.id == held.id, work.c.epoch == held.epoch)
        .values(
            leased_until=None,
            not_before=func.clock_timestamp() + _seconds("delay_seconds"),
            last_error=reason[:500],
        )
        .returning(work.c.id)
    )
    if (await tx.connection.execute(ours, {"delay_seconds": delay})).one_or_none() is None:
        raise StaleLease(f"{held.kind} {held.key}")


def _seconds(parameter: str) -> ColumnElement[timedelta]:
    one_second = literal_column("interval '1 second'", Interval)
    return bindparam(parameter, type_=Float) * one_second
