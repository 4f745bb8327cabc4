"""What the broker put aside, taken into the room's own table: the one place where dead letters are kept.

Into a consumer's dead-letter queue come messages that are not of our making, those that ended their consumer's
process as often as the broker allows, and, from older versions, copies of what their table has already.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid5

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage

from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.topology import CRASH_LIMIT, dead_letter_queue
from shared.telling import told

log = logging.getLogger(__name__)

REASON_HEADER = "x-chartrier-reason"

STRANGERS = UUID("c1cf1ab5-7d2f-5d44-9f0b-2a3c6f3c8d11")
"""Name space of the identifiers that messages of strangers are given: the same body is the same dead letter."""

WAIT_SECONDS = 1.0
"""How long to wait for our database before asking it again."""

PREFETCH = 16


@contextlib.asynccontextmanager
async def burying(
    connection: AbstractConnection, consumer: Consumer, ended: Callable[[], None]
) -> AsyncIterator[None]:
    """Take what comes into the dead-letter queue of `consumer` while the block lasts; `ended` hears if it cannot."""
    task = asyncio.create_task(_bury_all(connection, consumer), name=f"bury {consumer.queue}")
    task.add_done_callback(lambda _: ended())
    try:
        yield
    finally:
        task.cancel()
        [error] = await asyncio.gather(task, return_exceptions=True)
        if isinstance(error, Exception):
            log.warning("dead letters wait", extra={"queue": consumer.queue, "reason": told(error)})


async def _bury_all(connection: AbstractConnection, consumer: Consumer) -> None:
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=PREFETCH)
    queue = await channel.get_queue(dead_letter_queue(consumer.queue), ensure=False)
    waiting: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
    channel.close_callbacks.add(lambda *_: waiting.put_nowait(None))
    await queue.consume(waiting.put)
    while (message := await waiting.get()) is not None:
        delivery, reason = letter_of(message, consumer.queue)
        await _bury(consumer, delivery, reason)
        # Only now: the row is committed.
        await message.ack()


async def _bury(consumer: Consumer, delivery: Delivery, reason: str) -> None:
    """Wait for our database as long as it takes: a broker may drop what is given back too often."""
    while True:
        try:
            await consumer.bury(delivery, reason)
        except Exception as error:  # noqa: BLE001 (whatever keeps it from the table, it stays in the queue)
            log.warning("not buried yet", extra={"queue": consumer.queue, "reason": told(error)})
            await asyncio.sleep(WAIT_SECONDS)
        else:
            return


def letter_of(message: AbstractIncomingMessage, queue: str) -> tuple[Delivery, str]:
    """Return what a message of the dead-letter queue carries, and why it is there."""
    reason = _reason(message.headers, queue)
    try:
        message_id = UUID(message.message_id)
    except (ValueError, TypeError) as error:
        message_id = id_of_stranger(message.body)
        reason = reason or f"Stranger: {error}"
    return Delivery(message_id, message.type or "", message.body), reason or "Unknown: put aside by the broker"


def stranger(message: AbstractIncomingMessage, error: Exception) -> Message:
    """Return a message that is not of our making as it goes to the dead-letter queue."""
    return Message(
        message.body,
        # Left without one it would be given another by the client library each time.
        message_id=str(id_of_stranger(message.body)),
        type=message.type,
        delivery_mode=DeliveryMode.PERSISTENT,
        headers={REASON_HEADER: f"Stranger: {error}"[:300]},
    )


def id_of_stranger(body: bytes) -> UUID:
    """Return the identifier of a message that brought none."""
    # `uuid5` takes a name's text in Python 3.11; every byte has one in Latin-1.
    return uuid5(STRANGERS, body.decode("latin-1"))


def _reason(headers: Any, queue: str) -> str:  # noqa: ANN401 (whatever somebody put there)
    if isinstance(said := headers.get(REASON_HEADER), str):
        return said
    deaths = headers.get("x-death")
    for death in deaths if isinstance(deaths, list) else ():
        # Of a message that was tried again the list also names the queue where it waited.
        if isinstance(death, dict) and death.get("queue") == queue:
            if death.get("reason") == "delivery_limit":
                return f"Crashes: delivered {CRASH_LIMIT} times without an answer"
            return f"Broker: {death.get('reason')}"
    return ""
