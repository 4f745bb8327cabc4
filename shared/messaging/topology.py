"""What stands on the broker: one exchange, a queue and a dead-letter queue a consumer, shared delay queues.

A retry is a publish to a delay queue whose messages fall back, when their time is over, into the
consumer's own queue through the default exchange; its routing key is that queue's name.
"""

from collections.abc import Sequence

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue

from shared.messaging.outcome import RETRY_DELAYS

EXCHANGE = "chartrier"

CRASH_LIMIT = 20
"""Deliveries that end without an answer (the consumer died) before the broker dead-letters."""


def dead_letter_queue(queue: str) -> str:
    """Return the name of a queue's dead-letter queue."""
    return f"{queue}.dead"


async def declare(channel: AbstractChannel, queue: str, topics: Sequence[str]) -> AbstractQueue:
    """Declare a consumer's queues and bindings, and the delay queues all consumers share."""
    exchange = await topic_exchange(channel)
    for delay in RETRY_DELAYS:
        name = delay_exchange(delay)
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


async def topic_exchange(channel: AbstractChannel) -> AbstractExchange:
    """Declare the exchange that every message is published to."""
    return await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)


def delay_exchange(delay: int) -> str:
    """Return the name of the exchange, and queue, where a message waits for `delay` seconds."""
    return f"{EXCHANGE}.delay.{delay}s"
