"""Carry the outbox to the transport: publish with confirms, then forget."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, delete, func, select, text, update

from shared.database.plumbing import outbox
from shared.messaging.consumer import Delivery
from shared.messaging.outcome import Outcome, Verdict, retry_delay
from shared.messaging.transaction import RoomDatabase
from shared.messaging.transport import Transport

log = logging.getLogger(__name__)

BATCH = 200
"""Messages published in one go."""

IDLE_SECONDS = 1.0
"""How often the outbox is looked at when nobody said anything: catches what a crash left behind."""


class Relay:
    """Empties one room's outbox for as long as it runs. Several may run at once: rows are locked."""

    def __init__(self, database: RoomDatabase, transport: Transport) -> None:
        self._database = database
        self._transport = transport
        self._posted = asyncio.Event()
        database.when_posted(self._posted.set)

    async def run(self) -> None:
        """Publish until cancelled; a transport or database that is away only delays."""
        while True:
            self._posted.clear()
            try:
                while await self.publish_batch() == BATCH:
                    pass
            except Exception as error:  # noqa: BLE001 (the next round tries again whatever it was)
                log.warning("relay waits", extra={"room": self._database.room, "reason": str(error)[:300]})
                await asyncio.sleep(IDLE_SECONDS)
            # Not `wait_for`: in Python 3.11 it may swallow a cancellation that comes with the wake-up.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._posted.wait()

    async def publish_batch(self) -> int:
        """Publish what is due, oldest first; return how many rows were taken."""
        async with self._database.engine.begin() as connection:
            rows = (await connection.execute(_DUE)).all()
            if not rows:
                return 0
            deliveries = [Delivery(row.message_id, row.topic, row.body, row.attempts + 1) for row in rows]
            outcomes = await self._transport.publish(deliveries)
            sent, failed = _sorted(rows, outcomes)
            if sent:
                await connection.execute(_FORGET, {"sent": sent})
            if failed:
                await connection.execute(_POSTPONE, failed)
        return len(rows)


_DUE = (
    select(outbox.c.id, outbox.c.message_id, outbox.c.topic, outbox.c.body, outbox.c.attempts)
    .where(outbox.c.not_before <= func.now())
    .order_by(outbox.c.id)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)

_FORGET = delete(outbox).where(outbox.c.id == any_(bindparam("sent", type_=ARRAY(BigInteger))))

_POSTPONE = (
    update(outbox)
    .where(outbox.c.id == bindparam("row_id"))
    .values(
        attempts=outbox.c.attempts + 1,
        not_before=func.now() + bindparam("delay") * text("interval '1 second'"),
        last_error=bindparam("reason"),
    )
)


def _sorted(rows: Sequence[Any], outcomes: Sequence[Outcome]) -> tuple[list[int], list[dict[str, object]]]:
    sent, failed = [], []
    for row, outcome in zip(rows, outcomes, strict=True):
        if outcome.verdict is Verdict.DONE:
            sent.append(row.id)
        else:
            delay = retry_delay(row.attempts + 1)
            failed.append({"row_id": row.id, "delay": delay, "reason": outcome.reason})
    return sent, failed
