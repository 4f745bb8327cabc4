"""Deliver messages to their handler, each with one effect, as many as possible in one transaction."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import ARRAY, Text, bindparam, func, select
from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy.dialects.postgresql import insert

from shared.database.outage import is_outage
from shared.database.plumbing import inbox
from shared.identifiers import born_at
from shared.messages.message import Message
from shared.messaging import dead_letters
from shared.messaging.delivery import Delivery
from shared.messaging.outcome import DONE, Outcome, Rejected, Stranger, TryAgain, Verdict
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.metrics import BATCH_SECONDS, MESSAGE_AGE, MESSAGES
from shared.telling import told
from shared.tracing import processing

log = logging.getLogger(__name__)

# One statement however many messages, so that its plan is made once.
_CLAIM = (
    insert(inbox)
    .from_select(
        ["message_id", "consumer"],
        select(func.unnest(bindparam("ids", type_=ARRAY(UUID_TYPE))), bindparam("queue", type_=Text)),
    )
    .on_conflict_do_nothing()
    .returning(inbox.c.message_id)
)

Handler = Callable[[Transaction, Sequence[Any]], Awaitable[None]]
"""Takes the open transaction and messages of the class it was declared for, one or many, in the order they came."""


@dataclass(frozen=True)
class Consumer:
    """A queue of one room: `handlers` maps each message class it hears to the function that handles it.

    Handlers must be short: long work becomes a row of `work`. Of a batch each handler is given all the messages
    of its class at once, the class of the first message first. A consumer that may `linger` waits so many seconds
    for more messages to handle in the same transaction.
    """

    queue: str
    database: RoomDatabase
    handlers: dict[type[Message], Handler]
    linger: float = 0.0
    by_topic: dict[str, type[Message]] = field(init=False)

    def __post_init__(self) -> None:
        """Index the message classes by topic."""
        object.__setattr__(self, "by_topic", {message.topic: message for message in self.handlers})

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics this queue is bound to."""
        return tuple(self.by_topic)

    async def handle(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        """Handle a batch and count what came of it; outcomes stand in the order of the deliveries.

        Raises what our own database says when it is away: no attempt of any message is spent on that.
        """
        room = self.database.room
        with BATCH_SECONDS.labels(room, self.queue).time():
            outcomes = await self._outcomes(deliveries)
        for delivery, outcome in zip(deliveries, outcomes, strict=True):
            MESSAGES.labels(room, self.queue, outcome.verdict.value).inc()
            if outcome is DONE:
                MESSAGE_AGE.labels(room, self.queue).observe(max(0.0, time.time() - born_at(delivery.message_id)))
        return outcomes

    async def _outcomes(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        """Try the whole batch in one transaction; if anything in it fails, handle each message alone.

        So one bad message never holds the others back.
        """
        if len(deliveries) > 1:
            try:
                await self._apply(deliveries)
            except Exception as error:
                if is_outage(error):
                    raise
                # Whatever it was, it comes up again below.
                log.info("batch undone, handling one by one", extra={"queue": self.queue})
            else:
                return [DONE] * len(deliveries)
        return [await self._handle_one(delivery) for delivery in deliveries]

    async def _handle_one(self, delivery: Delivery) -> Outcome:
        try:
            await self._apply([delivery])
        except (Rejected, ValidationError) as error:
            return Outcome(Verdict.DEAD, told(error))
        except TryAgain as error:
            return Outcome(Verdict.AGAIN, told(error), patient=True)
        except Exception as error:
            if is_outage(error):
                raise
            log.exception("handler failed", extra={"queue": self.queue, "message_id": delivery.message_id})
            return Outcome(Verdict.AGAIN, told(error))
        return DONE

    async def _apply(self, deliveries: Sequence[Delivery]) -> None:
        with processing(self.queue, deliveries) as traces:
            await self._apply_traced(deliveries, traces)

    async def _apply_traced(self, deliveries: Sequence[Delivery], traces: Mapping[UUID, str | None]) -> None:
        by_id = {delivery.message_id: delivery for delivery in deliveries}
        async with self.database.begin() as tx:
            tx.traces |= traces
            new = set((await tx.connection.scalars(_CLAIM, {"ids": list(by_id), "queue": self.queue})).all())
            messages: dict[type[Message], list[Message]] = {}
            for message_id, delivery in by_id.items():
                if message_id in new:
                    message = self._read(delivery)
                    messages.setdefault(type(message), []).append(message)
            for kind, of_kind in messages.items():
                await self.handlers[kind](tx, of_kind)

    def _read(self, delivery: Delivery) -> Message:
        if not delivery.topic:
            raise Stranger("no topic")
        kind = self.by_topic.get(delivery.topic)
        if kind is None:
            raise Rejected(f"{self.queue} does not hear {delivery.topic}")
        return kind.model_validate_json(delivery.body)

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """Keep a dead message in the room's own table, for an operator to see and replay."""
        async with self.database.begin() as tx:
            buried = await dead_letters.bury(tx.connection, self.queue, delivery, reason)
        if buried:
            log.error("message dead-lettered", extra={"queue": self.queue, "reason": reason})
