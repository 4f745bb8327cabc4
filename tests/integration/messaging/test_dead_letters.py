"""Dead letters come to one table, whatever put them aside, and leave it by an operator's hand, once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from uuid import UUID

import aio_pika
import pytest
import pytest_asyncio
from sqlalchemy import insert, select
from typing_extensions import override

from shared.database.plumbing import dead_letter, inbox, outbox
from shared.identifiers import new_id
from shared.messages.access import DipOrderedV1
from shared.messages.journal import JournalLinesV1, JournalLineV1
from shared.messaging import dead_letters, topology
from shared.messaging.consumer import Consumer
from shared.messaging.dead_letters import Letter, Replayed, Wanted
from shared.messaging.delivery import Delivery
from shared.messaging.outcome import Rejected, Verdict
from shared.messaging.rabbitmq import RabbitTransport
from shared.messaging.transaction import RoomDatabase
from shared.messaging.transport import Transport
from tests.integration.messaging.walks import PATIENCE, Heard, a_walk, say
from tests.servers import Databases

pytestmark = pytest.mark.integration

Routes = Mapping[str, Sequence[str]]

ACTOR = "operator:command"


@pytest_asyncio.fixture(autouse=True)
async def empty(databases: Databases) -> None:
    for room in ("ingest", "proof"):
        await databases.as_superuser(f"TRUNCATE {room}.outbox, {room}.inbox, {room}.dead_letter, {room}.journal_head")


@pytest_asyncio.fixture
async def proof(databases: Databases) -> AsyncIterator[RoomDatabase]:
    room = databases.room("proof")
    yield room
    await room.engine.dispose()


async def letters(database: RoomDatabase) -> list[Letter]:
    async with database.reading() as connection:
        return await dead_letters.listed(connection, Wanted(), 100)


async def until_dead(database: RoomDatabase, count: int) -> list[Letter]:
    async with asyncio.timeout(PATIENCE):
        while len(found := await letters(database)) < count:
            await asyncio.sleep(0.02)
    return found


async def lines_of(database: RoomDatabase) -> list[JournalLineV1]:
    query = select(outbox.c.body).where(outbox.c.topic == JournalLinesV1.topic).order_by(outbox.c.message_id)
    async with database.reading() as connection:
        batches = [JournalLinesV1.model_validate_json(body) for body in await connection.scalars(query)]
    return [line for batch in batches for line in batch.lines]


async def bury(database: RoomDatabase, consumer: str, *messages: DipOrderedV1, reason: str = "Rejected: no") -> None:
    """Put messages aside as their consumer does."""
    for message in messages:
        delivery = Delivery(message.message_id, message.topic, message.model_dump_json().encode())
        await Consumer(consumer, database, {}).bury(delivery, reason)


def a_dip_ordered() -> DipOrderedV1:
    return DipOrderedV1(dip_id=new_id(), establishment=new_id())


async def replay(database: RoomDatabase, routes: Routes, consumer: str, ids: Sequence[UUID]) -> Replayed:
    async with database.begin() as tx:
        return await dead_letters.replay(tx, ACTOR, consumer, ids, routes)


async def sweep_soon(databases: Databases) -> None:
    """Have the relay take what was just left: else it waits until its own process would have published it."""
    await databases.as_superuser("UPDATE proof.outbox SET created_at = created_at - interval '1 minute'")


async def test_a_replayed_message_is_handled_once_by_the_one_that_gave_it_up(
    databases: Databases,
    open_transport: Callable[[], Transport],
    queues: tuple[str, str],
    routes: Routes,
    proof: RoomDatabase,
) -> None:
    failing, other = Heard(Rejected("not yet"), Rejected("still not")), Heard()
    async with a_walk(databases, open_transport(), queues, failing, other) as (sender, _):
        [said] = await say(sender)
        await other.until(1)
        for _ in range(2):
            # It may die again: then it is back, and may be sent again.
            [letter] = await until_dead(proof, 1)
            # As if long ago: only by not being sent there does it not reach the other one.
            await databases.as_superuser("DELETE FROM proof.inbox")
            async with asyncio.timeout(PATIENCE):
                # Until the relay has forgotten that it sent it, it is said to be leaving still.
                while not (await replay(proof, routes, queues[0], [letter.message_id])).sent:
                    await asyncio.sleep(0.02)
            await sweep_soon(databases)
        await failing.until(1)
        await say(sender)
        await asyncio.gather(failing.until(2), other.until(2))

    assert failing.ids[0] == other.ids[0] == said
    assert (failing.ids, failing.calls, other.calls) == (other.ids, 4, 2)
    assert await letters(proof) == []


async def test_a_message_that_ends_its_consumer_time_and_again_comes_to_the_table(
    databases: Databases, broker: str, queues: tuple[str, str], routes: Routes, proof: RoomDatabase
) -> None:
    message = a_dip_ordered()
    connection = await aio_pika.connect(broker)
    async with connection:
        queue = await topology.declare(await connection.channel(), queues[0], routes[queues[0]])
        speaker = RabbitTransport(broker, "speaker", routes)
        await speaker.publish([Delivery(message.message_id, message.topic, message.model_dump_json().encode())])
        await speaker.stop()
        for _ in range(topology.CRASH_LIMIT + 1):
            # Taken and never answered, as by a process that dies of it.
            channel = await connection.channel()
            await (await channel.get_queue(queue.name, ensure=False)).get(timeout=PATIENCE)
            await channel.close()

    heard = Heard()
    async with a_walk(databases, RabbitTransport(broker, "test", routes), queues, heard):
        [letter] = await until_dead(proof, 1)

    assert (letter.message_id, letter.consumer, letter.topic) == (message.message_id, queues[0], message.topic)
    assert letter.reason == f"Crashes: delivered {topology.CRASH_LIMIT} times without an answer"
    assert heard.calls == 0


async def test_strangers_come_to_the_table_and_block_nobody(
    databases: Databases, broker: str, queues: tuple[str, str], routes: Routes, proof: RoomDatabase
) -> None:
    heard = Heard()
    async with a_walk(databases, RabbitTransport(broker, "test", routes), queues, heard) as (sender, _):
        connection = await aio_pika.connect(broker)
        async with connection:
            channel = await connection.channel(publisher_confirms=True)
            await topology.declare(channel, queues[0], routes[queues[0]])
            for body in (b"\xff\x00 one", b"two", b"two"):
                stranger = aio_pika.Message(body, message_id="no uuid", type="what\x00ever")
                await channel.default_exchange.publish(stranger, routing_key=queues[0])
        await say(sender)
        await heard.until(1)
        found = await until_dead(proof, 2)
        async with proof.reading() as connection_of_proof:
            bodies = set((await connection_of_proof.scalars(select(dead_letter.c.body))).all())

    assert bodies == {b"\xff\x00 one", b"two"}
    assert {letter.topic for letter in found} == {"whatever"}
    assert all(letter.reason.startswith("Stranger: ") for letter in found)
    assert len(found) == 2


async def test_a_letter_stays_with_the_broker_until_its_row_is_committed(
    broker: str, queues: tuple[str, str], routes: Routes, proof: RoomDatabase
) -> None:
    """The room's database is away at first, then its process ends; the next one has the letter."""
    asked = asyncio.Event()

    class Away(Consumer):
        @override
        async def bury(self, delivery: Delivery, reason: str) -> None:
            asked.set()
            raise OSError(f"no database for {delivery.topic}: {reason}")

    speaker = RabbitTransport(broker, "speaker", routes)
    message = a_dip_ordered()
    body = message.model_dump_json().encode()
    dead = topology.dead_letter_queue(queues[0])
    await speaker.publish([Delivery(message.message_id, message.topic, body, consumer=dead)])
    await speaker.stop()

    first = RabbitTransport(broker, "test", routes)
    await first.subscribe(Away(queues[0], proof, {DipOrderedV1: Heard()}))
    await asyncio.wait_for(asked.wait(), PATIENCE)
    await first.stop()
    assert await letters(proof) == []

    following = RabbitTransport(broker, "test", routes)
    await following.subscribe(Consumer(queues[0], proof, {DipOrderedV1: Heard()}))
    [letter] = await until_dead(proof, 1)
    await following.stop()
    assert (letter.message_id, letter.reason) == (message.message_id, "Unknown: put aside by the broker")


async def test_a_copy_that_an_older_version_left_beside_is_no_second_letter(
    databases: Databases, broker: str, queues: tuple[str, str], routes: Routes, proof: RoomDatabase
) -> None:
    """It puts a copy in the broker's queue too, and an operator may have sent the letter again meanwhile."""
    replayed, waiting, last = a_dip_ordered(), a_dip_ordered(), a_dip_ordered()
    await bury(proof, queues[0], waiting)
    async with proof.begin() as tx:
        handled = {"message_id": replayed.message_id, "consumer": queues[0]}
        await tx.connection.execute(insert(inbox).values(handled))
    connection = await aio_pika.connect(broker)
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        await topology.declare(channel, queues[0], routes[queues[0]])
        for message in (replayed, waiting, last):
            copy = aio_pika.Message(
                message.model_dump_json().encode(),
                message_id=str(message.message_id),
                type=message.topic,
                headers={"x-chartrier-reason": "Rejected: as the older version says"},
            )
            await channel.default_exchange.publish(copy, routing_key=topology.dead_letter_queue(queues[0]))

    async with a_walk(databases, RabbitTransport(broker, "test", routes), queues, Heard()):
        found = await until_dead(proof, 2)

    reasons = {letter.message_id: letter.reason for letter in found}
    assert reasons == {
        waiting.message_id: "Rejected: no",
        last.message_id: "Rejected: as the older version says",
    }


async def test_of_two_operators_one_sends_it_again(proof: RoomDatabase, databases: Databases) -> None:
    routes = {"proof.q": (DipOrderedV1.topic,)}
    message = a_dip_ordered()
    await bury(proof, "proof.q", message)
    second = databases.room("proof")

    results = await asyncio.gather(
        *(replay(room, routes, "proof.q", [message.message_id]) for room in (proof, second))
    )

    assert sorted(result.sent for result in results) == [(), (message.message_id,)]
    [row] = await databases.as_superuser("SELECT message_id, consumer, body FROM proof.outbox WHERE consumer <> ''")
    assert (row["message_id"], row["consumer"]) == (message.message_id, "proof.q")
    assert row["body"] == message.model_dump_json().encode()
    assert [line.action for line in await lines_of(proof)] == ["dead_letter.replayed"]
    await second.engine.dispose()


async def test_what_cannot_be_sent_again_says_why_and_stays_or_is_done(proof: RoomDatabase) -> None:
    routes = {"proof.q": (DipOrderedV1.topic,)}
    handled, leaving, unheard, gone = (a_dip_ordered() for _ in range(4))
    await bury(proof, "proof.q", handled, leaving)
    await Consumer("proof.q", proof, {}).bury(Delivery(unheard.message_id, "what.ever.v1", b"x"), "Rejected: no")
    async with proof.begin() as tx:
        await tx.connection.execute(insert(inbox).values(message_id=handled.message_id, consumer="proof.q"))
        tx.post(leaving)

    ids = [one.message_id for one in (handled, leaving, unheard, gone)]
    result = await replay(proof, routes, "proof.q", ids)

    assert result == Replayed((), (ids[0],), (ids[1],), (ids[2],))
    assert result.found == set(ids[:3])
    assert {letter.message_id for letter in await letters(proof)} == {ids[1], ids[2]}
    assert [line.action for line in await lines_of(proof)] == ["dead_letter.found_handled"]


async def test_a_dropped_letter_leaves_its_digest_and_no_word_of_it(proof: RoomDatabase) -> None:
    message = a_dip_ordered()
    await bury(proof, "proof.q", message, reason="ValidationError: name ‘Martin’ is no number")
    async with proof.begin() as tx:
        body = await dead_letters.show(tx, ACTOR, (await letters(proof))[0])
    async with proof.begin() as tx:
        assert await dead_letters.drop(tx, ACTOR, "proof.q", [message.message_id, new_id()]) == [message.message_id]

    assert body == message.model_dump_json().encode()
    assert await letters(proof) == []
    shown, dropped = await lines_of(proof)
    assert (shown.action, dropped.action) == ("dead_letter.shown", "dead_letter.dropped")
    assert (dropped.actor, dropped.object) == (ACTOR, str(message.message_id))
    assert dropped.details["reason"] == "ValidationError"
    assert len(str(dropped.details["sha512"])) == 128
    assert "Martin" not in dropped.model_dump_json()


@pytest.mark.parametrize(
    ("topic", "reason"),
    [("", "Stranger: no topic"), ("what.ever.v1", "Rejected: proof.q does not hear what.ever.v1")],
)
async def test_a_message_without_a_topic_is_a_strangers(proof: RoomDatabase, topic: str, reason: str) -> None:
    consumer = Consumer("proof.q", proof, {DipOrderedV1: Heard()})

    [outcome] = await consumer.handle([Delivery(new_id(), topic, b'{"x":1}')])

    assert (outcome.verdict, outcome.reason) == (Verdict.DEAD, reason)


async def test_the_reason_of_a_body_that_is_not_of_its_class_quotes_nothing_of_it(proof: RoomDatabase) -> None:
    consumer = Consumer("proof.q", proof, {DipOrderedV1: Heard()})
    body = b'{"dip_id": "Martin", "establishment": null}'

    [outcome] = await consumer.handle([Delivery(new_id(), DipOrderedV1.topic, body)])

    assert outcome.reason == "ValidationError: DipOrderedV1: dip_id uuid_parsing, establishment uuid_type"
