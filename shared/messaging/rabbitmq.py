"""RabbitMQ: one topic exchange, a quorum queue per consumer, confirms, delayed retries, dead letters.

A retry is a publish to a delay queue whose messages fall back, when their time is over, into the
consumer's own queue through the default exchange; its routing key is that queue's name.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

import aio_pika
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractExchange,
    AbstractIncomingMessage,
    AbstractQueue,
)
from pamqp.commands import Basic

from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.outcome import (
    DELIVERY_LIMIT,
    DONE,
    RETRY_DELAYS,
    Outcome,
    Verdict,
    retry_delay,
)

log = logging.getLogger(__name__)

EXCHANGE = "chartrier"
PREFETCH = 64
BATCH = 32
CRASH_LIMIT = 20
"""Deliveries that end without an answer (the consumer died) before the broker dead-letters."""

RECONNECT_SECONDS = 1.0
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
        self._fed: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def start(self) -> None:
        """Nothing yet: the first publish and each feed connect by themselves."""

    async def subscribe(self, consumer: Consumer) -> None:
        """Feed the consumer from its queue from now on. Raises ValueError if the routes say otherwise."""
        if set(self._routes.get(consumer.queue, ())) != set(consumer.topics):
            raise ValueError(f"{consumer.queue} does not hear what the routes say")
        self._consumers.append(consumer)
        self._feeds.append(asyncio.create_task(self._feed(consumer), name=f"feed {consumer.queue}"))

    async def ready(self, queue: str) -> None:
        """Wait until a queue is declared, bound and being consumed."""
        await self._fed[queue].wait()

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
                await _Feed(self._url, self._name, consumer).run(self._fed[consumer.queue])
            except Exception as error:  # noqa: BLE001 (whatever broke it, the feed starts again)
                log.warning("feed lost", extra={"queue": consumer.queue, "reason": str(error)[:300]})
            self._fed[consumer.queue].clear()
            await asyncio.sleep(RECONNECT_SECONDS)


class _Publisher:
    """One connection and channel with confirms on."""

    def __init__(self, connection: AbstractConnection, exchange: AbstractExchange) -> None:
        self._connection = connection
        self._exchange = exchange

    @classmethod
    async def open(cls, url: str, name: str, routes: Mapping[str, Sequence[str]]) -> "_Publisher":
        connection = await aio_pika.connect(
            url, client_properties={"connection_name": f"{name} publisher"}, timeout=10
        )
        channel = await connection.channel(publisher_confirms=True)
        for queue, topics in routes.items():
            await declare(channel, queue, topics)
        return cls(connection, await _exchange(channel))

    @property
    def closed(self) -> bool:
        return bool(self._connection.is_closed)

    async def close(self) -> None:
        with contextlib.suppress(aio_pika.exceptions.AMQPError, OSError):
            await self._connection.close()

    async def send(self, delivery: Delivery) -> Outcome:
        confirmed = await self._exchange.publish(
            _amqp(delivery, attempts=0), routing_key=delivery.topic, mandatory=False, timeout=CONFIRM_SECONDS
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

    async def run(self, fed: asyncio.Event) -> None:
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
            fed.set()
            while (batch := await self._next_batch()) is not None:
                # A batch once taken is finished even when we are told to stop.
                await asyncio.shield(self._work(channel, batch))

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
        deliveries = [_delivery(message) for message in batch]
        outcomes = await self._consumer.handle(deliveries)
        for message, delivery, outcome in zip(batch, deliveries, outcomes, strict=True):
            if outcome.verdict is Verdict.AGAIN and delivery.attempts < DELIVERY_LIMIT:
                await self._send_back(channel, delivery)
            elif outcome.verdict is not Verdict.DONE:
                await self._consumer.bury(delivery, outcome.reason)
                await self._send_to_dead_letters(channel, delivery, outcome.reason)
            await message.ack()

    async def _send_back(self, channel: AbstractChannel, delivery: Delivery) -> None:
        delay = retry_delay(delivery.attempts)
        exchange = await channel.get_exchange(_delay_name(delay), ensure=False)
        again = _amqp(delivery, attempts=delivery.attempts)
        await exchange.publish(again, routing_key=self._consumer.queue, timeout=CONFIRM_SECONDS)

    async def _send_to_dead_letters(self, channel: AbstractChannel, delivery: Delivery, reason: str) -> None:
        dead = _amqp(delivery, attempts=delivery.attempts)
        dead.headers["x-chartrier-reason"] = reason
        await channel.default_exchange.publish(
            dead, routing_key=dead_letter_queue(self._consumer.queue), timeout=CONFIRM_SECONDS
        )


def dead_letter_queue(queue: str) -> str:
    """Return the name of a queue's dead-letter queue."""
    return f"{queue}.dead"


async def declare(channel: AbstractChannel, queue: str, topics: Sequence[str]) -> AbstractQueue:
    """Declare a consumer's queues and bindings, and the delay queues all consumers share."""
    exchange = await _exchange(channel)
    for delay in RETRY_DELAYS:
        name = _delay_name(delay)
        fan = await channel.declare_exchange(name, aio_pika.ExchangeType.FANOUT, durable=True)
        waiting = await channel.declare_queue(
            name,
            durable=True,
            arguments={
                "x-queue-type": "quorum",
                "x-message-ttl": delay * 1000,
                "x-dead-letter-exchange": "",
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            },
        )
        await waiting.bind(fan)
    dead = dead_letter_queue(queue)
    await channel.declare_queue(dead, durable=True, arguments={"x-queue-type": "quorum"})
    declared = await channel.declare_queue(
        queue,
        durable=True,
        arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": CRASH_LIMIT,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": dead,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )
    for topic in topics:
        await declared.bind(exchange, routing_key=topic)
    return declared


async def _exchange(channel: AbstractChannel) -> AbstractExchange:
    return await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)


def _delay_name(delay: int) -> str:
    return f"{EXCHANGE}.delay.{delay}s"


def _amqp(delivery: Delivery, *, attempts: int) -> aio_pika.Message:
    return aio_pika.Message(
        delivery.body,
        message_id=str(delivery.message_id),
        type=delivery.topic,
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        headers={ATTEMPTS_HEADER: attempts},
    )


def _delivery(message: AbstractIncomingMessage) -> Delivery:
    attempts = message.headers.get(ATTEMPTS_HEADER, 0)
    return Delivery(
        message_id=UUID(message.message_id),
        topic=message.type or "",
        body=message.body,
        attempts=(attempts if isinstance(attempts, int) else 0) + 1,
    )
