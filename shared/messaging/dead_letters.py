"""A room's dead letters: put aside, listed, sent again to the one consumer that gave them up, or dropped.

    consumer gives up ──► table `dead_letter` ──replay──► outbox, for that consumer alone ──► handled, or back here
                                   └──drop──► gone; its digest stays in the journal

The inbox says what has had its effect. What it knows is no dead letter: a copy that was handled meanwhile, on
another way, is neither put aside nor sent again.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy import ColumnElement, Text, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database.plumbing import dead_letter, inbox, outbox
from shared.messages.journal import JournalLineV1
from shared.messages.routes import ROUTES
from shared.messaging.delivery import Delivery
from shared.messaging.transaction import Transaction

_TOPICS = frozenset(topic for topics in ROUTES.values() for topic in topics)

_KIND_OF_REASON = re.compile(r"[A-Za-z]+(?=:)")
"""The first word of a reason: the name of an error."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter without its body; `size` is that of the body, in bytes."""

    message_id: UUID
    consumer: str
    topic: str
    reason: str
    died_at: datetime
    size: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters are meant; None stands for any. They died at `since` or later, at `until` or before."""

    message_id: UUID | None = None
    consumer: str | None = None
    topic: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many letters of one topic one consumer has given up, and when the first and the last of them."""

    consumer: str
    topic: str
    letters: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of letters to be sent again.

    `sent` are on their way. `handled` had their effect meanwhile. `leaving` are still in the outbox from the last
    time. `unheard` are of a topic that the consumer does not hear: sent again, nobody would take them.
    """

    sent: tuple[UUID, ...] = ()
    handled: tuple[UUID, ...] = ()
    leaving: tuple[UUID, ...] = ()
    unheard: tuple[UUID, ...] = ()

    @property
    def found(self) -> set[UUID]:
        """Return all that were there."""
        return {*self.sent, *self.handled, *self.leaving, *self.unheard}


_GIVEN_UP = select(
    bindparam("message_id", type_=UUID_TYPE),
    bindparam("queue", type_=Text),
    bindparam("topic", type_=Text),
    bindparam("body", type_=dead_letter.c.body.type),
    bindparam("reason", type_=Text),
)

_BURY = (
    insert(dead_letter)
    .from_select(
        ["message_id", "consumer", "topic", "body", "reason"],
        _GIVEN_UP.where(
            ~select(inbox.c.message_id)
            .where(inbox.c.message_id == bindparam("message_id"), inbox.c.consumer == bindparam("queue"))
            .exists()
        ),
    )
    .on_conflict_do_nothing()
)


async def bury(connection: AsyncConnection, consumer: str, delivery: Delivery, reason: str) -> bool:
    """Put a message aside; return False where it is put aside already, or has had its effect."""
    row = {
        "message_id": delivery.message_id,
        "queue": consumer,
        # No text of PostgreSQL holds NUL: what a stranger wrote must not keep it out of the table.
        "topic": delivery.topic.replace("\x00", ""),
        "body": delivery.body,
        "reason": reason.replace("\x00", ""),
    }
    return (await connection.execute(_BURY, row)).rowcount == 1


async def counts(connection: AsyncConnection, wanted: Wanted) -> list[Count]:
    """Count letters by consumer and topic."""
    died = dead_letter.c.died_at
    query = (
        select(dead_letter.c.consumer, dead_letter.c.topic, func.count(), func.min(died), func.max(died))
        .where(*_meant(wanted))
        .group_by(dead_letter.c.consumer, dead_letter.c.topic)
        .order_by(dead_letter.c.consumer, dead_letter.c.topic)
    )
    return [Count(*row) for row in await connection.execute(query)]


async def listed(connection: AsyncConnection, wanted: Wanted, most: int) -> list[Letter]:
    """Return up to `most` letters, those that died last first."""
    query = _LETTERS.where(*_meant(wanted)).order_by(dead_letter.c.died_at.desc(), dead_letter.c.message_id)
    return [Letter(*row) for row in await connection.execute(query.limit(most))]


async def named(connection: AsyncConnection, ids: Sequence[UUID], consumer: str | None) -> list[Letter]:
    """Return the letters with these identifiers, of one consumer or of whoever gave them up."""
    query = _LETTERS.where(dead_letter.c.message_id.in_(ids), *_meant(Wanted(consumer=consumer)))
    return [Letter(*row) for row in await connection.execute(query.order_by(dead_letter.c.consumer))]


async def next_ids(connection: AsyncConnection, wanted: Wanted, after: UUID | None, most: int) -> list[UUID]:
    """Return up to `most` identifiers that follow `after`, in their order."""
    query = select(dead_letter.c.message_id).where(*_meant(wanted)).order_by(dead_letter.c.message_id).limit(most)
    if after is not None:
        query = query.where(dead_letter.c.message_id > after)
    return list((await connection.scalars(query)).all())


async def show(tx: Transaction, actor: str, letter: Letter) -> bytes | None:
    """Return the body of a letter, and journal that it was shown; None where the letter is gone."""
    query = select(dead_letter.c.body).where(*_meant(Wanted(letter.message_id, letter.consumer)))
    body: bytes | None = await tx.connection.scalar(query)
    if body is not None:
        tx.journal(_line("dead_letter.shown", actor, letter, body))
    return body


async def replay(
    tx: Transaction,
    actor: str,
    consumer: str,
    ids: Sequence[UUID],
    routes: Mapping[str, Sequence[str]] = ROUTES,
) -> Replayed:
    """Send letters again to the consumer that gave them up, and to no other; each is journaled.

    Of two who ask at once the second finds nothing. A letter that was handled meanwhile is removed and not sent:
    its effect would be a second one. Whatever else is not sent stays where it is.
    """
    letters = await _taken(tx.connection, consumer, ids)
    handled = await _handled(tx.connection, consumer, list(letters))
    heard = {one for one, (letter, _) in letters.items() if letter.topic in routes.get(consumer, ())} - handled
    sent = await _leave(tx.connection, [letters[one] for one in letters if one in heard])
    gone = [one for one in letters if one in sent or one in handled]
    await _remove(tx.connection, consumer, gone)
    for one in gone:
        tx.journal(
            _line("dead_letter.replayed" if one in sent else "dead_letter.found_handled", actor, *letters[one])
        )
    return Replayed(
        sent=tuple(one for one in letters if one in sent),
        handled=tuple(one for one in letters if one in handled),
        leaving=tuple(one for one in letters if one in heard - sent),
        unheard=tuple(one for one in letters if one not in heard | handled),
    )


async def drop(tx: Transaction, actor: str, consumer: str, ids: Sequence[UUID]) -> list[UUID]:
    """Remove letters for good; return those that were there. Digests and kinds of reason go to the journal."""
    letters = await _taken(tx.connection, consumer, ids)
    await _remove(tx.connection, consumer, list(letters))
    for letter, body in letters.values():
        tx.journal(_line("dead_letter.dropped", actor, letter, body))
    return list(letters)


_LETTERS = select(
    dead_letter.c.message_id,
    dead_letter.c.consumer,
    dead_letter.c.topic,
    dead_letter.c.reason,
    dead_letter.c.died_at,
    func.length(dead_letter.c.body),
)

_Taken = dict[UUID, tuple[Letter, bytes]]


async def _taken(connection: AsyncConnection, consumer: str, ids: Sequence[UUID]) -> _Taken:
    """Lock letters, always in the same order, and return them with their bodies."""
    query = (
        _LETTERS.add_columns(dead_letter.c.body)
        .where(dead_letter.c.consumer == consumer, dead_letter.c.message_id.in_(ids))
        .order_by(dead_letter.c.message_id)
        .with_for_update()
    )
    return {row[0]: (Letter(*row[:-1]), row[-1]) for row in await connection.execute(query)}


async def _handled(connection: AsyncConnection, consumer: str, ids: Sequence[UUID]) -> set[UUID]:
    query = select(inbox.c.message_id).where(inbox.c.consumer == consumer, inbox.c.message_id.in_(ids))
    return set((await connection.scalars(query)).all())


async def _leave(connection: AsyncConnection, letters: Sequence[tuple[Letter, bytes]]) -> set[UUID]:
    """Put letters in the outbox; return those that were not still in it."""
    if not letters:
        return set()
    rows = [
        {"message_id": letter.message_id, "topic": letter.topic, "body": body, "consumer": letter.consumer}
        for letter, body in letters
    ]
    statement = insert(outbox).values(rows).on_conflict_do_nothing().returning(outbox.c.message_id)
    return set((await connection.scalars(statement)).all())


async def _remove(connection: AsyncConnection, consumer: str, ids: Sequence[UUID]) -> None:
    await connection.execute(
        delete(dead_letter).where(dead_letter.c.consumer == consumer, dead_letter.c.message_id.in_(ids))
    )


def _meant(wanted: Wanted) -> list[ColumnElement[bool]]:
    column = dead_letter.c
    compared = (
        (column.message_id.__eq__, wanted.message_id),
        (column.consumer.__eq__, wanted.consumer),
        (column.topic.__eq__, wanted.topic),
        (column.died_at.__ge__, wanted.since),
        (column.died_at.__le__, wanted.until),
    )
    return [compare(value) for compare, value in compared if value is not None]


def _line(action: str, actor: str, letter: Letter, body: bytes) -> JournalLineV1:
    """Return a line that names a letter by its digest: reasons and strangers' topics may quote what nobody knows."""
    kind = _KIND_OF_REASON.match(letter.reason)
    details: dict[str, str | int] = {
        "consumer": letter.consumer,
        "topic": letter.topic if letter.topic in _TOPICS else "unknown",
        "sha512": hashlib.sha512(body).hexdigest(),
        "reason": kind[0] if kind else "other",
    }
    return JournalLineV1(kind="events", action=action, actor=actor, object=str(letter.message_id), details=details)
