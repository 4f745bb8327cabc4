"""One request or one message is one transaction: its writes, its messages and its journal lines."""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import rfc8785
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.clock import rfc3339
from shared.database.plumbing import journal_head, outbox
from shared.messages.journal import JournalLinesV1, JournalLineV1
from shared.messages.message import Message
from shared.messaging.delivery import Delivery

ZERO_DIGEST = "0" * 128
"""What the first batch or line of a chain names as the digest before it."""

cause: ContextVar[UUID | None] = ContextVar("cause", default=None)
"""The message being handled, if any: messages posted meanwhile name it as their cause."""


class Transaction:
    """An open transaction of one room. Nothing leaves it unless it commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self.messages: list[Message] = []
        self.lines: list[JournalLineV1] = []
        self.enqueued = False

    def post(self, message: Message) -> None:
        """Send `message` if, and only if, the transaction commits."""
        self.messages.append(message)

    def journal(self, line: JournalLineV1) -> None:
        """Write `line` in its journal if, and only if, the transaction commits."""
        self.lines.append(line)


class RoomDatabase:
    """A room's engine and name; opens transactions and tells the relay when one left messages."""

    def __init__(self, engine: AsyncEngine, room: str) -> None:
        self.engine = engine
        self.room = room
        # The same pool, without BEGIN and ROLLBACK around every question.
        self._readers = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._posted: list[Callable[[Sequence[Delivery]], None]] = []
        self._enqueued: list[Callable[[], None]] = []

    def when_posted(self, listener: Callable[[Sequence[Delivery]], None]) -> None:
        """Hand `listener` the messages of each commit, once they are in the outbox."""
        self._posted.append(listener)

    def when_enqueued(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit that left work to do."""
        self._enqueued.append(listener)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection on which each statement stands alone: for what needs no transaction around it."""
        async with self._readers.connect() as connection:
            yield connection

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """Open a transaction; commit it with its messages and lines, or roll everything back."""
        async with self.engine.begin() as connection:
            tx = Transaction(connection)
            yield tx
            if tx.lines:
                tx.post(await _numbered(connection, self.room, tuple(tx.lines)))
            posted = [_delivery(message) for message in tx.messages]
            if posted:
                await connection.execute(insert(outbox), [_row(delivery) for delivery in posted])
        self._tell(posted, enqueued=tx.enqueued)

    def _tell(self, posted: Sequence[Delivery], *, enqueued: bool) -> None:
        if posted:
            for listener in self._posted:
                listener(posted)
        if enqueued:
            for waker in self._enqueued:
                waker()


def _delivery(message: Message) -> Delivery:
    if message.causation_id is None and cause.get() is not None:
        message = message.model_copy(update={"causation_id": cause.get()})
    return Delivery(message.message_id, message.topic, message.model_dump_json().encode())


def _row(delivery: Delivery) -> dict[str, object]:
    return {"message_id": delivery.message_id, "topic": delivery.topic, "body": delivery.body}


_HEAD = (
    select(journal_head.c.batch, journal_head.c.sha512)
    .where(journal_head.c.sender == bindparam("of"))
    .with_for_update()
)

_FIRST_HEAD = upsert(journal_head).on_conflict_do_nothing()

_MOVE_HEAD = update(journal_head).where(journal_head.c.sender == bindparam("of"))


async def _numbered(connection: AsyncConnection, sender: str, lines: tuple[JournalLineV1, ...]) -> JournalLinesV1:
    """Give the batch its number and link it to the one before; holds the room's head row until commit.

    Taken last in the transaction, so the row is held for the commit only and cannot deadlock.
    """
    row = (await connection.execute(_HEAD, {"of": sender})).one_or_none()
    if row is None:
        await connection.execute(_FIRST_HEAD, {"sender": sender, "batch": 0, "sha512": ZERO_DIGEST})
        return await _numbered(connection, sender, lines)

    batch, previous = row.batch + 1, row.sha512
    digest = batch_digest(sender, batch, previous, lines)
    await connection.execute(_MOVE_HEAD, {"of": sender, "batch": batch, "sha512": digest})
    return JournalLinesV1(sender=sender, batch=batch, previous=previous, sha512=digest, lines=lines)


def batch_digest(sender: str, batch: int, previous: str, lines: tuple[JournalLineV1, ...]) -> str:
    """Return the digest of a batch: SHA-512 over its canonical JSON (RFC 8785)."""
    facts: dict[str, Any] = {
        "sender": sender,
        "batch": batch,
        "previous": previous,
        "lines": [canonical_line(line) for line in lines],
    }
    return hashlib.sha512(rfc8785.dumps(facts)).hexdigest()


def canonical_line(line: JournalLineV1) -> dict[str, Any]:
    """Return a line as plain JSON values, its time in our one text form."""
    return {
        "kind": line.kind,
        "action": line.action,
        "actor": line.actor,
        "outcome": line.outcome,
        "object": line.object,
        "establishment": None if line.establishment is None else str(line.establishment),
        "transfer_id": None if line.transfer_id is None else str(line.transfer_id),
        "occurred_at": rfc3339(line.occurred_at),
        "details": dict(line.details),
    }
