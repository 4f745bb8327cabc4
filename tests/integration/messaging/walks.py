"""A sender with its relay, a handler that notes what it hears, and what both transports have in common."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from shared.identifiers import new_id
from shared.messages.access import DipOrderedV1
from shared.messaging.consumer import Consumer
from shared.messaging.relay import Relay
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.transport import Transport
from tests.servers import Databases

PATIENCE = 30


class Heard:
    """A handler that notes what it is given, once that is committed, and may be told to fail first."""

    def __init__(self, *failures: Exception) -> None:
        self.ids: list[UUID] = []
        self.calls = 0
        self._failures = list(failures)
        self._news = asyncio.Event()

    async def __call__(self, tx: Transaction, messages: Sequence[DipOrderedV1]) -> None:
        self.calls += 1
        if self._failures:
            raise self._failures.pop(0)
        ids = [message.dip_id for message in messages]

        def note(committed: bool) -> None:
            self.ids += ids if committed else []
            self._news.set()

        tx.afterwards.append(note)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.ids) < count:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def a_walk(
    databases: Databases, transport: Transport, queues: tuple[str, str], *handlers: Heard
) -> AsyncIterator[tuple[RoomDatabase, list[Consumer]]]:
    """A sender's database, and one consumer a handler, on their own queues; both rooms' relays run."""
    sender, hearer = databases.room("ingest"), databases.room("proof")
    consumers = [
        Consumer(queue, hearer, {DipOrderedV1: heard}) for queue, heard in zip(queues, handlers, strict=False)
    ]
    await transport.start()
    for consumer in consumers:
        await transport.subscribe(consumer)
    relays = [asyncio.create_task(Relay(room, transport).run()) for room in (sender, hearer)]
    yield sender, consumers
    await transport.stop()
    for relay in relays:
        relay.cancel()
    await asyncio.gather(*relays, return_exceptions=True)
    await sender.engine.dispose()
    await hearer.engine.dispose()


async def say(sender: RoomDatabase, count: int = 1) -> list[UUID]:
    ids = [new_id() for _ in range(count)]
    async with sender.begin() as tx:
        for dip_id in ids:
            tx.post(DipOrderedV1(dip_id=dip_id, establishment=new_id()))
    return ids
