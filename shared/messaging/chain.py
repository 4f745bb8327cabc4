"""What leaves with a transaction: messages for the outbox, and one numbered batch of journal lines.

Batches of one sender are chained: each names the digest of the one before it. So a lost one shows as a gap, and
a changed one breaks the chain.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import rfc8785
from sqlalchemy import ARRAY, UUID, LargeBinary, Text, TextClause, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import rfc3339
from shared.database.plumbing import journal_head, outbox
from shared.messages.journal import JournalLinesV1, JournalLineV1
from shared.messages.message import Message
from shared.messaging.delivery import Delivery
from shared.tracing import current_trace

ZERO_DIGEST = "0" * 128
"""What the first batch or line of a chain names as the digest before it."""


@dataclass(frozen=True, slots=True)
class Head:
    """How far a sender's chain has come: number and digest of its last batch."""

    batch: int
    sha512: str


def _with_rows(statement: str) -> TextClause:
    return text(statement).bindparams(
        bindparam("ids", type_=ARRAY(UUID)),
        bindparam("topics", type_=ARRAY(Text)),
        bindparam("bodies", type_=ARRAY(LargeBinary)),
        bindparam("traces", type_=ARRAY(Text)),
    )


# One statement however many messages, so that its plan is made once.
_LEAVE = _with_rows(
    """INSERT INTO outbox (message_id, topic, body, trace)
    SELECT * FROM unnest(:ids, :topics, :bodies, :traces)"""
)

# The head moves and the rows appear, or neither: where the chain has moved on meanwhile, nothing is inserted.
_LEAVE_CHAINED = _with_rows(
    """WITH moved AS (
        UPDATE journal_head SET batch = :batch, sha512 = :sha512
        WHERE sender = :sender AND batch = :last AND sha512 = :previous RETURNING batch)
    INSERT INTO outbox (message_id, topic, body, trace)
    SELECT new.* FROM moved, unnest(:ids, :topics, :bodies, :traces) AS new"""
)

_HEAD = (
    select(journal_head.c.batch, journal_head.c.sha512)
    .where(journal_head.c.sender == bindparam("of"))
    .with_for_update()
)

_FIRST_HEAD = insert(journal_head).on_conflict_do_nothing()


async def leave(connection: AsyncConnection, deliveries: Sequence[Delivery]) -> None:
    """Put messages in the outbox."""
    await connection.execute(_LEAVE, _rows(deliveries))


class Chain:
    """The batches of one sender, numbered in the order of their commits."""

    def __init__(self, sender: str) -> None:
        self._sender = sender
        self._turn = asyncio.Lock()
        self._head: Head | None = None
        self._moved: Head | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the end of the chain: enter it before `leave_chained`, and keep it until after the commit.

        The database lets one transaction move the head at a time in any case. Waiting for it here, those of
        this process know where the one before has left the chain, and need not ask.
        """
        async with self._turn:
            known, self._head = self._head, None
            self._moved = known
            yield
            # Committed: what was left is where the next begins. After any error it has to ask.
            self._head = self._moved

    async def leave_chained(
        self, connection: AsyncConnection, lines: Sequence[JournalLineV1], deliveries: Sequence[Delivery]
    ) -> list[Delivery]:
        """Put messages in the outbox, and the lines as one batch after the last; return all of them."""
        head = self._moved or await self._ask(connection)
        while True:
            batch = _batch(self._sender, head, tuple(lines))
            leaving = [*deliveries, delivery_of(batch, current_trace())]
            values = {
                **_rows(leaving),
                "sender": self._sender,
                "last": head.batch,
                "previous": head.sha512,
                "batch": batch.batch,
                "sha512": batch.sha512,
            }
            if (await connection.execute(_LEAVE_CHAINED, values)).rowcount == len(leaving):
                self._moved = Head(batch.batch, batch.sha512)
                return leaving
            # Another process has moved it. Now it is locked: what we are told is true until our commit.
            head = await self._ask(connection)

    async def _ask(self, connection: AsyncConnection) -> Head:
        row = (await connection.execute(_HEAD, {"of": self._sender})).one_or_none()
        if row is None:
            first = {"sender": self._sender, "batch": 0, "sha512": ZERO_DIGEST}
            await connection.execute(_FIRST_HEAD, first)
            return await self._ask(connection)
        return Head(row.batch, row.sha512)


def delivery_of(message: Message, trace: str | None) -> Delivery:
    """Return a message as it travels; `trace` is the span it is sent in."""
    return Delivery(message.message_id, message.topic, message.model_dump_json().encode(), trace=trace)


def _rows(deliveries: Sequence[Delivery]) -> dict[str, list[Any]]:
    return {
        "ids": [delivery.message_id for delivery in deliveries],
        "topics": [delivery.topic for delivery in deliveries],
        "bodies": [delivery.body for delivery in deliveries],
        "traces": [delivery.trace for delivery in deliveries],
    }


def _batch(sender: str, head: Head, lines: tuple[JournalLineV1, ...]) -> JournalLinesV1:
    number = head.batch + 1
    digest = batch_digest(sender, number, head.sha512, lines)
    return JournalLinesV1(sender=sender, batch=number, previous=head.sha512, sha512=digest, lines=lines)


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


_FOLLOW = insert(journal_head)
_FOLLOW = _FOLLOW.on_conflict_do_update(
    index_elements=[journal_head.c.sender],
    set_={name: _FOLLOW.excluded[name] for name in ("batch", "sha512")},
    where=journal_head.c.batch < _FOLLOW.excluded.batch,
)


async def follow(connection: AsyncConnection, sender: str, head: Head) -> Head:
    """Have a sender's next batch follow one that is known elsewhere, unless it has come further; return where it is.

    For a database made again: whoever keeps the journals has what this sender told before.
    """
    await connection.execute(_FOLLOW, {"sender": sender, "batch": head.batch, "sha512": head.sha512})
    row = (await connection.execute(_HEAD, {"of": sender})).one()
    return Head(row.batch, row.sha512)


async def untold(connection: AsyncConnection) -> int:
    """Return how many batches of lines wait here to be sent."""
    query = select(func.count()).where(outbox.c.topic == JournalLinesV1.topic)
    return int(await connection.scalar(query) or 0)
