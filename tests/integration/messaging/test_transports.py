"""One contract, two transports: what is posted is handled once, whatever happens on the way."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import select

from shared.clock import now
from shared.database.plumbing import dead_letter, inbox, outbox
from shared.identifiers import new_id
from shared.messages.access import DipOrderedV1
from shared.messaging import outcome
from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.local import LocalTransport
from shared.messaging.outcome import Rejected, TryAgain
from shared.messaging.rabbitmq import RabbitTransport
from shared.messaging.relay import Relay
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.transport import Transport
from tests.integration.messaging.walks import PATIENCE, Heard, a_walk, say
from tests.servers import Databases

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture(autouse=True)
async def empty(databases: Databases) -> None:
    for room in ("ingest", "proof"):
        await databases.as_superuser(f"TRUNCATE {room}.outbox, {room}.inbox, {room}.dead_letter")


async def test_every_consumer_hears_every_message_once(
    databases: Databases, open_transport: Callable[[], Transport], queues: tuple[str, str]
) -> None:
    one, two = Heard(), Heard()
    async with a_walk(databases, open_transport(), queues, one, two) as (sender, _):
        ids = await say(sender, 150)
        await asyncio.gather(one.until(150), two.until(150))

    assert sorted(one.ids) == sorted(two.ids) == sorted(ids)


async def test_a_message_delivered_twice_has_one_effect(
    databases: Databases, open_transport: Callable[[], Transport], queues: tuple[str, str]
) -> None:
    heard = Heard()
    transport = open_transport()
    async with a_walk(databases, transport, queues, heard) as (sender, consumers):
        message = DipOrderedV1(dip_id=new_id(), establishment=new_id())
        twin = Delivery(message.message_id, message.topic, message.model_dump_json().encode())
        await transport.publish([twin])
        await transport.publish([twin, twin])
        await say(sender)
        await heard.until(2)
        async with consumers[0].database.engine.connect() as connection:
            seen = (await connection.scalars(select(inbox.c.message_id))).all()

    assert heard.ids.count(message.dip_id) == 1
    assert len(seen) == 2


async def test_a_failure_of_the_world_is_tried_again_after_a_while(
    databases: Databases, open_transport: Callable[[], Transport], queues: tuple[str, str]
) -> None:
    heard = Heard(TryAgain("not yet"))
    async with a_walk(databases, open_transport(), queues, heard) as (sender, _):
        started = asyncio.get_running_loop().time()
        ids = await say(sender)
        await heard.until(1)
        waited = asyncio.get_running_loop().time() - started

    assert (heard.ids, heard.calls) == (ids, 2)
    assert waited >= outcome.RETRY_DELAYS[0] * 0.9


async def test_a_message_that_can_never_be_handled_is_buried_and_blocks_nobody(
    databases: Databases, open_transport: Callable[[], Transport], queues: tuple[str, str]
) -> None:
    heard = Heard(Rejected("never"))
    async with a_walk(databases, open_transport(), queues, heard) as (sender, consumers):
        [poison] = await say(sender)
        while heard.calls == 0:
            await asyncio.sleep(0.01)
        [good] = await say(sender)
        await heard.until(1)
        async with consumers[0].database.engine.connect() as connection:
            [dead] = (await connection.execute(select(dead_letter))).all()

    assert heard.ids == [good]
    assert (dead.consumer, dead.reason) == (consumers[0].queue, "Rejected: never")
    assert DipOrderedV1.model_validate_json(dead.body).dip_id == poison


async def test_one_bad_message_does_not_undo_its_batch(
    databases: Databases, open_transport: Callable[[], Transport], queues: tuple[str, str]
) -> None:
    poison = DipOrderedV1(dip_id=new_id(), establishment=new_id())
    heard = Heard()

    async def picky(tx: Transaction, messages: Sequence[DipOrderedV1]) -> None:
        if poison.dip_id in {message.dip_id for message in messages}:
            raise Rejected("this one")
        await heard(tx, messages)

    transport = open_transport()
    async with a_walk(databases, transport, queues, heard) as (sender, consumers):
        consumers[0].handlers[DipOrderedV1] = picky
        async with sender.begin() as tx:
            good = [DipOrderedV1(dip_id=new_id(), establishment=new_id()) for _ in range(10)]
            for message in (*good[:5], poison, *good[5:]):
                tx.post(message)
        async with asyncio.timeout(PATIENCE):
            while {message.dip_id for message in good} - set(heard.ids):
                await asyncio.sleep(0.02)
        async with consumers[0].database.engine.connect() as connection:
            done = (await connection.scalars(select(inbox.c.message_id))).all()

    assert {message.message_id for message in good} == set(done)


async def test_what_was_posted_while_nothing_ran_goes_out_later(
    databases: Databases, open_transport: Callable[[], Transport], queues: tuple[str, str]
) -> None:
    before = databases.room("ingest")
    ids = await say(before, 3)
    await before.engine.dispose()

    heard = Heard()
    async with a_walk(databases, open_transport(), queues, heard) as (sender, _):
        await heard.until(3)
        async with asyncio.timeout(PATIENCE):
            while await rows_of_outbox(sender):
                await asyncio.sleep(0.02)

    assert sorted(heard.ids) == sorted(ids)


async def test_what_was_said_before_its_hearer_ever_started_waits_for_it(
    databases: Databases, broker: str, queues: tuple[str, str]
) -> None:
    """RabbitMQ forgets what no queue is bound for, so whoever publishes declares every queue."""
    routes = dict.fromkeys(queues, (DipOrderedV1.topic,))
    speaker = RabbitTransport(broker, "speaker", routes)
    message = DipOrderedV1(dip_id=new_id(), establishment=new_id())
    await speaker.publish([Delivery(message.message_id, message.topic, message.model_dump_json().encode())])
    await speaker.stop()

    heard = Heard()
    async with a_walk(databases, RabbitTransport(broker, "hearer", routes), queues, heard):
        await heard.until(1)

    assert heard.ids == [message.dip_id]


async def test_a_consumer_that_hears_other_than_its_route_is_refused(
    databases: Databases, broker: str, queues: tuple[str, str]
) -> None:
    transport = RabbitTransport(broker, "test", {queues[0]: ("other.topic.v1",)})
    room = databases.room("proof")

    with pytest.raises(ValueError, match="does not hear what the routes say"):
        await transport.subscribe(Consumer(queues[0], room, {DipOrderedV1: Heard()}))
    await room.engine.dispose()


async def rows_of_outbox(sender: RoomDatabase) -> int:
    async with sender.engine.connect() as connection:
        return len((await connection.execute(select(outbox.c.message_id))).all())


async def test_what_was_put_there_again_for_one_is_not_removed_with_what_went_to_all(
    databases: Databases,
) -> None:
    """Between a publication and the removal of its row, another relay may have removed it, and an operator come."""
    database = databases.room("ingest")
    relay = Relay(database, LocalTransport())
    long_ago = {
        "message_id": new_id(),
        "topic": DipOrderedV1.topic,
        "body": b"{}",
        "created_at": now() - timedelta(minutes=1),
    }
    again = {**long_ago, "consumer": "ingest.q", "not_before": now() + timedelta(hours=1)}

    async with database.engine.begin() as connection:
        await connection.execute(outbox.insert().values(long_ago))
    assert await relay.sweep() == 1
    async with database.engine.begin() as connection:
        await connection.execute(outbox.delete())
        await connection.execute(outbox.insert().values(again))
    await relay.sweep()

    async with database.reading() as connection:
        left = (await connection.execute(select(outbox.c.consumer))).scalars().all()
    await database.engine.dispose()
    assert left == ["ingest.q"]
