"""Listen to all that the rooms say to each other on the broker, and say it again: the same, backwards, anew."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange, AbstractIncomingMessage, AbstractQueue

from shared.messages.routes import ROUTES
from shared.messaging.topology import EXCHANGE
from shared.rooms import ROOMS
from trials.levers import Levers, until


@dataclass
class Tap:
    """A queue of our own that hears every topic, and the exchange where all is said."""

    runner: asyncio.Runner
    exchange: AbstractExchange
    queue: AbstractQueue

    def heard(self) -> list[AbstractIncomingMessage]:
        """Return what was said since we last asked, in its order."""

        async def drained() -> list[AbstractIncomingMessage]:
            found = []
            while (message := await self.queue.get(no_ack=True, fail=False)) is not None:
                found.append(message)
            return found

        return self.runner.run(drained())

    def say_again(self, messages: Sequence[AbstractIncomingMessage], *, anew: bool = False) -> list[UUID]:
        """Publish messages backwards, under their own ids or (as if forgotten by all) new ones; return these."""

        async def said() -> list[UUID]:
            ids = []
            for message in reversed(messages):
                ids.append(uuid4() if anew else UUID(message.message_id))
                copy = aio_pika.Message(
                    message.body, message_id=str(ids[-1]), type=message.type, headers=message.headers
                )
                await self.exchange.publish(copy, message.routing_key or "")
            return ids

        return self.runner.run(said())


@contextmanager
def tapped(levers: Levers) -> Iterator[Tap]:
    """Hear all that is said for as long as the block lasts."""

    async def opened() -> tuple[AbstractConnection, Tap]:
        connection = await aio_pika.connect(levers.stack.start_rabbitmq().url)
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(EXCHANGE, "#")
        return connection, Tap(runner, await channel.get_exchange(EXCHANGE, ensure=False), queue)

    with asyncio.Runner() as runner:
        connection, tap = runner.run(opened())
        try:
            yield tap
        finally:
            runner.run(connection.close())


def until_handled(levers: Levers, ids: Sequence[UUID], topics: Sequence[str]) -> None:
    """Wait until every hearer of each topic has these messages in its inbox."""
    expected = sum(topic in heard for topic in topics for heard in ROUTES.values())
    counted = "SELECT count(*) FROM inbox WHERE message_id = ANY($1::uuid[])"
    until(lambda: sum(levers.count(counted, list(ids), room=room) for room in ROOMS) == expected)


def consumers_of(levers: Levers, queue: str) -> int:
    """Return how many processes hear a queue."""

    async def asked() -> int:
        async with await aio_pika.connect(levers.stack.start_rabbitmq().url) as connection:
            channel = await connection.channel()
            found = await channel.declare_queue(queue, passive=True)
            return int(found.declaration_result.consumer_count or 0)

    return asyncio.run(asked())
