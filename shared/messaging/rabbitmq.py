"""RabbitMQ: publishing with confirms, consuming in batches, delayed retries, dead letters."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import cast
from uuid import UUID

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aiormq.channel import Channel as WireChannel
from pamqp.commands import Basic

from shared.messaging.consumer import Consumer
from shared.messaging.dead_queue import burying, stranger
from shared.messaging.delivery import Delivery
from shared.messaging.outcome import DONE, Outcome, Verdict, retry_delay
from shared.messaging.topology import EXCHANGE, dead_letter_queue, declare, delay_exchange, topic_exchange
from shared.telling import told
from shared.tracing import TRACEPARENT

log = logging.getLogger(__name__)

PREFETCH = 64
BATCH = 32

RECONNECT_SECONDS = 1.0
STOP_SECONDS = 3.0
"""How long a batch in hand may take to end once we are told to stop."""

CONFIRM_SECONDS = 30.0
ATTEMPTS_HEADER = "x-chartrier-attempts"


class RabbitTransport:
    """Publishes with confirms and feeds consumers; reconnects by itself, for ever."""

    def __init__(self, url: str, name: str, routes: Mapping[str, Sequence[str]]) -> None:
        self._url = url
        self._name = name
        self._routes = routes
        self._consumers: list[Consumer] = []
        self._feeds: list[asyncio.Task[None]] = []
        self._publisher: _Publisher | None = None
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Nothing yet: the first publish and each feed connect by themselves."""

    async def subscribe(self, consumer: Consumer) -> None:
        """Feed the consumer from its queue from now on. Raises ValueError if the routes say otherwise."""
        if set(self._routes.get(consumer.queue, ())) != set(consumer.topics):
            raise ValueError(f"{consumer.queue} does not hear what the routes say")
        self._consumers.append(consumer)
        self._feeds.append(asyncio.create_task(self._feed(consumer), name=f"feed {consumer.queue}"))

    async def stop(self) -> None:
        """End every feed after the batch in hand, then close the connections."""
        for feed in self._feeds:
            feed.cancel()
        await asyncio.gather(*self._feeds, return_exceptions=True)
        self._feeds.clear()
        if self._publisher is not None:
            await self._publisher.close()
            self._publisher = None

    async def probe(self) -> None:
        """Open the publishing channel if need be; raise when the broker does not answer."""
        await self._publishing()

    async def publish(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        """Publish all at once and wait for every confirm."""
        publisher = await self._publishing()
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                return list(await asyncio.gather(*(publisher.send(delivery) for delivery in deliveries)))
        except Exception:
            await publisher.close()
            self._publisher = None
            raise

    async def _publishing(self) -> "_Publisher":
        async with self._lock:
            if self._publisher is None or self._publisher.closed:
                self._publisher = await _Publisher.open(self._url, self._name, self._routes)
            return self._publisher

    async def _feed(self, consumer: Consumer) -> None:
        while True:
            try:
                await _Feed(self._url, self._name, consumer).run()
            except Exception as error:  # noqa: BLE001 (whatever broke it, the feed starts again)
                log.warning("feed lost", extra={"queue": consumer.queue, "reason": told(error)})
            await asyncio.sleep(RECONNECT_SECONDS)


class _Publisher:
    """One connection and channel with confirms on."""

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel, wire: WireChannel) -> None:
        self._connection = connection
        self._channel = channel
        self._wire = wire

    @classmethod
    async def open(cls, url: str, name: str, routes: Mapping[str, Sequence[str]]) -> "_Publisher":
        connection = await aio_pika.connect(
            url, client_properties={"connection_name": f"{name} publisher"}, timeout=10
        )
        channel = await connection.channel(publisher_confirms=True)
        for queue, topics in routes.items():
            await declare(channel, queue, topics)
        await topic_exchange(channel)
        return cls(connection, channel, cast(WireChannel, await channel.get_underlay_channel()))

    @property
    def closed(self) -> bool:
        # Not the connection's own answer: it says only whether we have closed it ourselves.
        return bool(self._channel.is_closed)

    async def close(self) -> None:
        with contextlib.suppress(aio_pika.exceptions.AMQPError, OSError):
            await self._connection.close()

    async def send(self, delivery: Delivery) -> Outcome:
        # What is for one consumer goes straight into its queue, by the exchange that knows queues by their names.
        exchange, key = (EXCHANGE, delivery.topic) if delivery.consumer is None else ("", delivery.consumer)
        # One layer below aio-pika's own, which sends one message at a time and waits for each to be on its way.
        confirmed = await self._wire.basic_publish(
            delivery.body,
            exchange=exchange,
            routing_key=key,
            properties=_amqp(delivery, attempts=0).properties,
            wait=False,
        )
        if not isinstance(confirmed, Basic.Ack):
            return Outcome(Verdict.AGAIN, "the broker did not confirm")
        return DONE


class _Feed:
    """One consumer's connection: takes what is there, handles it as a batch, answers each."""

    def __init__(self, url: str, name: str, consumer: Consumer) -> None:
        self._url = url
        self._name = name
        self._consumer = consumer
        self._waiting: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()

    async def run(self) -> None:
        """Consume until the connection is lost or the task is cancelled."""
        connection = await aio_pika.connect(
            self._url,
            client_properties={"connection_name": f"{self._name} {self._consumer.queue}"},
            timeout=10,
        )
        # None in the queue wakes the loop when the connection goes.
        connection.close_callbacks.add(lambda *_: self._waiting.put_nowait(None))
        async with connection:
            channel = await connection.channel(publisher_confirms=True)
            channel.close_callbacks.add(lambda *_: self._waiting.put_nowait(None))
            await channel.set_qos(prefetch_count=PREFETCH)
            queue = await declare(channel, self._consumer.queue, self._consumer.topics)
            await queue.consume(self._waiting.put)
            async with burying(connection, self._consumer, lambda: self._waiting.put_nowait(None)):
                while (batch := await self._next_batch()) is not None:
                    await _finish(asyncio.create_task(self._work(channel, batch)))

    async def _next_batch(self) -> list[AbstractIncomingMessage] | None:
        first = await self._waiting.get()
        if first is None:
            return None
        batch = [first]
        if self._consumer.linger:
            await asyncio.sleep(self._consumer.linger)
        while len(batch) < BATCH and not self._waiting.empty():
            message = self._waiting.get_nowait()
            if message is None:
                return None
            batch.append(message)
        return batch

    async def _work(self, channel: AbstractChannel, batch: list[AbstractIncomingMessage]) -> None:
        readable = [pair for message in batch if (pair := await self._read(channel, message)) is not None]
        outcomes = await self._outcomes([delivery for _, delivery in readable])
        done: list[AbstractIncomingMessage] = []
        for (message, delivery), outcome in zip(readable, outcomes, strict=True):
            if outcome.verdict is Verdict.DONE:
                done.append(message)
                continue
            # Answered at once: should the rest fail, it must not be sent back a second time.
            if outcome.is_over(delivery.attempts):
                await self._bury(channel, delivery, outcome.reason)
            else:
                await self._send_back(channel, delivery)
            await message.ack()
        if done:
            # All that came on this channel up to the last of them is dealt with: one answer says so.
            await done[-1].ack(multiple=True)

    async def _read(
        self, channel: AbstractChannel, message: AbstractIncomingMessage
    ) -> tuple[AbstractIncomingMessage, Delivery] | None:
        """Return a message with what it carries; one that is not of our making goes to the dead-letter queue."""
        try:
            return message, _delivery(message)
        except (ValueError, TypeError) as error:
            log.error("not a message of ours", extra={"queue": self._consumer.queue, "reason": told(error)})  # noqa: TRY400 (the message is at fault, not our code)
            queue = dead_letter_queue(self._consumer.queue)
            put_aside = stranger(message, error)
            await channel.default_exchange.publish(put_aside, routing_key=queue, timeout=CONFIRM_SECONDS)
            await message.ack()
            return None

    async def _outcomes(self, deliveries: list[Delivery]) -> list[Outcome]:
        """Wait for our database as long as it takes: given back, the batch would only come again at once."""
        while deliveries:
            try:
                return await self._consumer.handle(deliveries)
            except Exception as error:  # noqa: BLE001 (all that `handle` lets through is a database that is away)
                log.warning("batch waits", extra={"queue": self._consumer.queue, "reason": told(error)})
                await asyncio.sleep(RECONNECT_SECONDS)
        return []

    async def _send_back(self, channel: AbstractChannel, delivery: Delivery) -> None:
        delay = retry_delay(delivery.attempts)
        exchange = await channel.get_exchange(delay_exchange(delay), ensure=False)
        again = _amqp(delivery, attempts=delivery.attempts)
        await exchange.publish(again, routing_key=self._consumer.queue, timeout=CONFIRM_SECONDS)

    async def _bury(self, channel: AbstractChannel, delivery: Delivery, reason: str) -> None:
        try:
            await self._consumer.bury(delivery, reason)
        except Exception as error:  # noqa: BLE001 (whatever keeps it from the table, it is not lost: it comes again)
            log.warning("not buried yet", extra={"queue": self._consumer.queue, "reason": told(error)})
            await self._send_back(channel, delivery)


async def _finish(batch: asyncio.Task[None]) -> None:
    """Wait for a batch; told to stop meanwhile, for a few seconds more, then leave it to the next delivery."""
    try:
        await asyncio.shield(batch)
    except asyncio.CancelledError:
        await asyncio.wait([batch], timeout=STOP_SECONDS)
        batch.cancel()
        raise


def _amqp(delivery: Delivery, *, attempts: int) -> aio_pika.Message:
    return aio_pika.Message(
        delivery.body,
        message_id=str(delivery.message_id),
        type=delivery.topic,
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        headers={ATTEMPTS_HEADER: attempts} | ({} if delivery.trace is None else {TRACEPARENT: delivery.trace}),
    )


def _delivery(message: AbstractIncomingMessage) -> Delivery:
    attempts, trace = message.headers.get(ATTEMPTS_HEADER, 0), message.headers.get(TRACEPARENT)
    return Delivery(
        message_id=UUID(message.message_id),
        topic=message.type or "",
        body=message.body,
        attempts=(attempts if isinstance(attempts, int) else 0) + 1,
        trace=trace if isinstance(trace, str) else None,
    )
