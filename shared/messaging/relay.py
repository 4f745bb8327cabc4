"""Carry the outbox to the transport: publish with confirms, then forget.

    commit ──► fresh (in memory) ──► publish ──► delete the rows, many at once
                                        │ not confirmed, or we died
                                        ▼
                 the rows stay, and the sweep publishes what has been left behind

A row may so be published twice, by a sweep beside a slow publication; its consumers' inboxes see to that.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Float, Text, any_, bindparam, column, delete, func, literal_column, select, update
from sqlalchemy import UUID as UUID_TYPE

from shared.database.plumbing import outbox
from shared.messaging.delivery import Delivery
from shared.messaging.outcome import Outcome, Verdict, retry_delay
from shared.messaging.transaction import RoomDatabase
from shared.messaging.transport import Transport
from shared.telling import told
from shared.tracing import publishing

log = logging.getLogger(__name__)

BATCH = 200
"""Messages published in one go."""

SWEEP_SECONDS = 1.0
"""How often the outbox is looked at for what was left behind."""

LEFT_BEHIND_SECONDS = 2.0
"""How old a row must be for the sweep to take it: its own process publishes it long before."""

CLAIM_SECONDS = 30
"""How long a sweep keeps to itself what it publishes."""

FORGET_SECONDS = 0.25
"""How long confirmed rows may stay, so that one statement removes those of many publications."""

LEAVING_SECONDS = 1.0
"""How long removing them may take when we are told to stop."""

FRESH_LIMIT = 10_000
"""Messages kept in memory at most; beyond, the sweep takes them from the table."""


Sent = tuple[UUID, str | None]
"""A message that is with the other side, and the one consumer it was for."""


class Relay:
    """Empties one room's outbox for as long as it runs. Several may run at once."""

    def __init__(self, database: RoomDatabase, transport: Transport) -> None:
        self._database = database
        self._transport = transport
        self._fresh: deque[Delivery] = deque(maxlen=FRESH_LIMIT)
        self._confirmed: list[Sent] = []
        self._posted = asyncio.Event()
        self._swept_at = -SWEEP_SECONDS
        self._forgot_at = -FORGET_SECONDS
        database.when_posted(self._take)

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        self._fresh.extend(deliveries)
        self._posted.set()

    async def run(self) -> None:
        """Publish until cancelled; a transport or database that is away only delays."""
        try:
            while True:
                await self._round()
                # Not `wait_for`: in Python 3.11 it may swallow a cancellation that comes with the wake-up.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FORGET_SECONDS if self._confirmed else SWEEP_SECONDS):
                        await self._posted.wait()
        finally:
            # What stays is published again at the next start: harmless, and not worth waiting for.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(LEAVING_SECONDS):
                    await self._forget()

    async def _round(self) -> None:
        try:
            await self._publish_fresh()
            if _is_due(self._forgot_at, FORGET_SECONDS):
                await self._forget()
            if _is_due(self._swept_at, SWEEP_SECONDS):
                while await self.sweep() == BATCH:
                    pass
                self._swept_at = time.monotonic()
        except Exception as error:  # noqa: BLE001 (the rows are still there, the sweep comes back to them)
            self._fresh.clear()
            log.warning("relay waits", extra={"room": self._database.room, "reason": told(error)})
            await asyncio.sleep(SWEEP_SECONDS)

    async def _publish_fresh(self) -> None:
        self._posted.clear()
        # However fast messages come, what was left behind has its turn.
        while self._fresh and not _is_due(self._swept_at, SWEEP_SECONDS):
            await self._publish([self._fresh.popleft() for _ in range(min(BATCH, len(self._fresh)))])
            if _is_due(self._forgot_at, FORGET_SECONDS):
                await self._forget()
        if self._fresh:
            self._posted.set()

    async def sweep(self) -> int:
        """Publish what is due and was left behind, oldest first; return how many rows there were."""
        await self._forget()
        async with self._database.reading() as connection:
            rows = (await connection.execute(_LEFT_BEHIND)).all()
        waiting = {delivery.message_id for delivery in self._fresh}
        left = [
            Delivery(row.message_id, row.topic, row.body, row.attempts + 1, row.trace, row.consumer)
            for row in rows
            if row.message_id not in waiting
        ]
        try:
            await self._publish(left)
        except Exception:
            # The other side is away: whoever sweeps next may take them at once.
            async with self._database.reading() as connection:
                await connection.execute(_LET_GO, {"left": [row.message_id for row in rows]})
            raise
        return len(rows)

    async def _publish(self, deliveries: Sequence[Delivery]) -> None:
        if not deliveries:
            return
        with publishing(deliveries):
            outcomes = await self._transport.publish(deliveries)
        sent, failed = _sorted(deliveries, outcomes)
        self._confirmed += sent
        if failed:
            async with self._database.reading() as connection:
                await connection.execute(_POSTPONE, failed)

    async def _forget(self) -> None:
        """Remove the rows that are confirmed: theirs is done."""
        if not self._confirmed:
            return
        sent, self._confirmed = self._confirmed, []
        self._forgot_at = time.monotonic()
        try:
            async with self._database.reading() as connection:
                await connection.execute(
                    _FORGET, {"ids": [one for one, _ in sent], "queues": [queue for _, queue in sent]}
                )
        except BaseException:
            self._confirmed = sent + self._confirmed
            raise


def _is_due(last: float, every: float) -> bool:
    return time.monotonic() - last >= every


_DUE = (
    select(outbox.c.message_id)
    .where(
        outbox.c.not_before <= func.now(),
        outbox.c.created_at < func.now() - literal_column(f"interval '{LEFT_BEHIND_SECONDS} seconds'"),
    )
    .order_by(outbox.c.message_id)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
    .cte("due")
)

# Put off as they are taken: another process's sweep leaves them alone for as long as a publication may last.
_LEFT_BEHIND = (
    update(outbox)
    .where(outbox.c.message_id == _DUE.c.message_id)
    .values(not_before=func.now() + literal_column(f"interval '{CLAIM_SECONDS} seconds'"))
    .returning(
        outbox.c.message_id,
        outbox.c.topic,
        outbox.c.body,
        outbox.c.attempts,
        outbox.c.trace,
        outbox.c.consumer,
    )
)

_LET_GO = (
    update(outbox)
    .where(outbox.c.message_id == any_(bindparam("left", type_=ARRAY(UUID_TYPE))))
    .values(not_before=func.now())
)

_SENT = (
    func.unnest(bindparam("ids", type_=ARRAY(UUID_TYPE)), bindparam("queues", type_=ARRAY(Text)))
    .table_valued(column("id", UUID_TYPE), column("queue", Text))
    .render_derived(name="sent")
)

# With the consumer it was for: a dead letter that was put here again, for one, is not yet sent when another relay
# removes what it sent to all.
_FORGET = delete(outbox).where(
    outbox.c.message_id == _SENT.c.id, outbox.c.consumer.is_not_distinct_from(_SENT.c.queue)
)

_POSTPONE = (
    update(outbox)
    .where(outbox.c.message_id == bindparam("row_id"))
    .values(
        attempts=outbox.c.attempts + 1,
        not_before=func.now() + bindparam("delay", type_=Float) * literal_column("interval '1 second'"),
        last_error=bindparam("reason"),
    )
)


def _sorted(
    deliveries: Sequence[Delivery], outcomes: Sequence[Outcome]
) -> tuple[list[Sent], list[dict[str, object]]]:
    sent: list[Sent] = []
    failed: list[dict[str, object]] = []
    for delivery, outcome in zip(deliveries, outcomes, strict=True):
        if outcome.verdict is Verdict.DONE:
            sent.append((delivery.message_id, delivery.consumer))
        else:
            delay = retry_delay(delivery.attempts)
            failed.append({"row_id": delivery.message_id, "delay": delay, "reason": outcome.reason})
    return sent, failed
