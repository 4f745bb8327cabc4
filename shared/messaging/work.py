"""Long work as rows: leased on PostgreSQL's clock, with an epoch, renewed while the worker lives.

Hands are shared out among the owners of work (`shared.messaging.turns`), and each lane has its own.

    enqueue ──► ready ──lease──► leased ──finish──► gone
       │          ▲                │ ▲
       └── where hands are free ───┼─┘
                  │                │
                  └── postpone ────┤  (failure of the world: later, without limit)
                  └── move ────────┤  (to the hands of another lane)
                  └── lease runs out (the worker died or hangs): epoch + 1 for whoever takes it next

An operator may have any of it begin anew, or be leased to nobody (`shared.messaging.interventions`).

A worker whose epoch is no longer the row's can record nothing: `confirm`, `finish`, `move`, `note` and `postpone`
raise `StaleLease`, which rolls its transaction back.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Executable,
    Float,
    Integer,
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
from shared.messaging.lease import Hands, Lane, Lease, Piece
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.turns import LEASE

NOTHING: Mapping[str, int] = MappingProxyType({})

LEASE_SECONDS = 30
"""How long a lease lasts unless renewed; workers renew every third of it."""

BACKOFF_SECONDS = (1, 2, 5, 15, 60)
"""Waits after the first, second… failure; the last one repeats for as long as it takes."""


class StaleLease(Exception):
    """Another worker holds this work now; whatever we found out no longer counts."""


def _seconds(parameter: str) -> ColumnElement[timedelta]:
    one_second = literal_column("interval '1 second'", Interval)
    return bindparam(parameter, type_=Float) * one_second


# Built once: these run for every piece of work, and building a statement costs as much as running it.
_ENQUEUE = (
    insert(work)
    .inline()
    .values(not_before=func.coalesce(bindparam("from_moment", type_=DateTime(timezone=True)), func.now()))
    .on_conflict_do_nothing()
)

_ENQUEUE_LEASED = (
    insert(work)
    .values(epoch=1, attempts=1, leased_until=func.clock_timestamp() + _seconds("lease_seconds"))
    .on_conflict_do_nothing()
    .returning(work.c.id, work.c.key)
)

_SOONER = func.coalesce(bindparam("moment", type_=DateTime(timezone=True)), func.now())

_HASTEN = (
    update(work)
    .where(
        work.c.kind == bindparam("of_kind"),
        work.c.key == bindparam("of_key"),
        work.c.leased_until.is_(None),
        func.isfinite(work.c.not_before),
        work.c.not_before > _SOONER,
    )
    .values(not_before=_SOONER)
)

_OURS = (work.c.id == bindparam("row_id")) & (work.c.epoch == bindparam("row_epoch"))

_RENEW = (
    update(work)
    .where(_OURS)
    .values(leased_until=func.clock_timestamp() + _seconds("lease_seconds"), progressed_at=func.now())
    .returning(work.c.id)
)

_RELEASE = update(work).where(_OURS).values(leased_until=None, attempts=work.c.attempts - 1)

_HELD = (
    func.unnest(bindparam("row_ids", type_=ARRAY(BigInteger)), bindparam("row_epochs", type_=ARRAY(Integer)))
    .table_valued("id", "epoch")
    .render_derived(name="held")
)
_ALL_OURS = (work.c.id == _HELD.c.id) & (work.c.epoch == _HELD.c.epoch)

_CONFIRM = select(work.c.id).where(_ALL_OURS).order_by(work.c.id).with_for_update(of=work)

_FINISH = delete(work).where(_ALL_OURS).returning(work.c.id)

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

_MOVE = (
    update(work)
    .where(_OURS)
    .values(lane=bindparam("to"), leased_until=None, not_before=func.now(), attempts=work.c.attempts - 1)
    .returning(work.c.id)
)

_NOTE = update(work).where(_OURS).values(payload=bindparam("noted", type_=work.c.payload.type)).returning(work.c.id)


async def enqueue(tx: Transaction, kind: str, *pieces: Piece) -> None:
    """Ask for work; the same kind and key asked twice while pending is one piece of work.

    Where hands are free in this process they hold it from the commit on, without having to look for it.
    """
    for lane in Lane:
        of_lane = [piece for piece in pieces if piece.lane is lane]
        if of_lane:
            await _enqueue(tx, kind, of_lane, tx.hands.get((kind, lane)))


async def _enqueue(tx: Transaction, kind: str, pieces: Sequence[Piece], hands: Hands | None) -> None:
    at_once = [piece for piece in pieces if piece.not_before is None]
    handed = 0 if hands is None else hands.reserve(len(at_once))
    if hands is not None and handed:
        await _hand(tx, kind, at_once[:handed], hands)
    left = [*at_once[handed:], *(piece for piece in pieces if piece.not_before is not None)]
    if left:
        rows = [{**_row(tx, kind, piece), "from_moment": piece.not_before} for piece in left]
        await tx.connection.execute(_ENQUEUE, rows)
        if hands is not None:
            tx.afterwards.append(lambda _committed: hands.look())


async def _hand(tx: Transaction, kind: str, pieces: Sequence[Piece], hands: Hands) -> None:
    given: list[Lease] = []

    def settle(committed: bool) -> None:  # noqa: FBT001 (said once, by the transaction)
        leases = given if committed else []
        for held in leases:
            hands.give(held)
        hands.release(len(pieces) - len(leases))

    tx.afterwards.append(settle)
    by_key = {piece.key: piece for piece in reversed(pieces)}  # of two alike the first
    rows = [{**_row(tx, kind, piece), "lease_seconds": hands.lease_seconds} for piece in by_key.values()]
    ids = {row.key: row.id for row in await tx.connection.execute(_ENQUEUE_LEASED, rows)}
    given += [
        Lease(id=ids[key], epoch=1, attempts=1, **_row(tx, kind, piece))
        for key, piece in reversed(by_key.items())
        if key in ids
    ]


async def hasten(tx: Transaction, kind: str, key: str, moment: datetime | None = None) -> None:
    """Have work that waits for later be ready at a moment (None: now); what is held, or abandoned, stays as it is."""
    wanted = {"of_kind": kind, "of_key": key, "moment": moment}
    if (await tx.connection.execute(_HASTEN, wanted)).rowcount and moment is None:
        hands = tx.hands.get((kind, Lane.USUAL))
        if hands is not None:
            tx.afterwards.append(lambda _committed: hands.look())


def _row(tx: Transaction, kind: str, piece: Piece) -> dict[str, Any]:
    return {
        "kind": kind,
        "key": piece.key,
        "payload": dict(piece.payload),
        "cause": piece.cause,
        "trace": tx.trace_of(piece.cause),
        "owner": piece.owner,
        "lane": piece.lane,
    }


async def lease(
    database: RoomDatabase,
    kinds: Sequence[str],
    limit: int,
    *,
    lane: Lane = Lane.USUAL,
    in_hand: Mapping[str, int] = NOTHING,
    seconds: float = LEASE_SECONDS,
) -> list[Lease]:
    """Take up to `limit` pieces of ready work of a lane; no two workers take the same.

    Owners take turns, those with the fewest pieces `in_hand` first; of one owner's work the oldest comes first.
    """
    wanted = {
        "kinds": list(kinds),
        "lane": lane,
        "most": limit,
        "held_owners": list(in_hand),
        "held_counts": list(in_hand.values()),
        "lease_seconds": seconds,
    }
    async with database.reading() as connection:
        rows = (await connection.execute(LEASE, wanted)).all()
    return [Lease(**{**row._mapping, "lane": lane}) for row in rows]  # noqa: SLF001 (SQLAlchemy's public name)


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


async def confirm(tx: Transaction, *held: Lease) -> None:
    """Make sure, until the transaction ends, that all this work is still ours. Raises `StaleLease`."""
    await _all_ours(tx, _CONFIRM, held)


async def finish(tx: Transaction, *held: Lease) -> None:
    """Close work together with its effects. Raises `StaleLease` when any of it is no longer ours."""
    await _all_ours(tx, _FINISH, held)


async def close(tx: Transaction, leases: Sequence[Lease]) -> list[None]:
    """Close work that has nothing else to record, for a `recorder`."""
    await finish(tx, *leases)
    return [None] * len(leases)


async def _all_ours(tx: Transaction, statement: Executable, held: Sequence[Lease]) -> None:
    if not held:
        return
    tx.traces |= {one.cause: one.trace for one in held if one.cause is not None}
    named = {"row_ids": [one.id for one in held], "row_epochs": [one.epoch for one in held]}
    ours = set((await tx.connection.scalars(statement, named)).all())
    lost = [one for one in held if one.id not in ours]
    if lost:
        raise StaleLease(", ".join(f"{one.kind} {one.key}" for one in lost))


async def note(tx: Transaction, held: Lease, payload: Mapping[str, Any]) -> None:
    """Leave word for whoever takes the work next: `payload` takes the place of its own.

    Raises `StaleLease` when it is no longer ours.
    """
    values = {**_named(held), "noted": dict(payload)}
    if (await tx.connection.execute(_NOTE, values)).one_or_none() is None:
        raise StaleLease(f"{held.kind} {held.key}")


async def move(tx: Transaction, held: Lease, lane: Lane) -> None:
    """Give the work back at once, for the hands of another lane. Raises `StaleLease` when it is no longer ours."""
    if (await tx.connection.execute(_MOVE, {**_named(held), "to": lane})).one_or_none() is None:
        raise StaleLease(f"{held.kind} {held.key}")


async def postpone(tx: Transaction, held: Lease, reason: str) -> None:
    """Give the work back for later. Raises `StaleLease` when it is no longer ours."""
    delay = BACKOFF_SECONDS[min(held.attempts, len(BACKOFF_SECONDS)) - 1]
    values = {**_named(held), "delay_seconds": delay, "reason": reason[:500]}
    if (await tx.connection.execute(_POSTPONE, values)).one_or_none() is None:
        raise StaleLease(f"{held.kind} {held.key}")


def _named(held: Lease) -> dict[str, int]:
    return {"row_id": held.id, "row_epoch": held.epoch}
