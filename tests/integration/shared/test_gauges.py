"""Gauges say how much waits in a room's queues, and when nothing waits any more."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from services.local.postgres import Postgres
from shared.clock import now
from shared.gauges import count_posted, measure_queues
from shared.identifiers import new_id
from shared.messages.access import DipOrderedV1
from shared.messaging.chain import delivery_of
from shared.messaging.consumer import Consumer
from shared.messaging.lease import Piece
from shared.messaging.outcome import Rejected
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue, finish, lease
from tests.servers import Databases, fresh

pytestmark = pytest.mark.integration

BAD = UUID(int=7)


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("storage",))


def gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"chartrier_{name}", {"room": "storage", **labels})


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[RoomDatabase]:
    await databases.as_superuser("TRUNCATE storage.outbox, storage.inbox, storage.work, storage.dead_letter")
    one = databases.room("storage")
    yield one
    await one.engine.dispose()


async def test_gauges_follow_what_waits_up_and_down_again(databases: Databases, database: RoomDatabase) -> None:
    async with database.begin() as tx:
        tx.post(DipOrderedV1(dip_id=new_id(), establishment=new_id()))
        for key in ("a", "b"):
            await enqueue(tx, "counted", Piece(key))
        await tx.connection.execute(
            text(
                "INSERT INTO dead_letter (message_id, consumer, topic, body, reason) VALUES (:id, 'q', 't', '', 'x')"
            ),
            {"id": new_id()},
        )
    await measure_queues(database)
    assert (gauge("outbox_rows"), gauge("work_rows", kind="counted"), gauge("dead_letters")) == (1, 2, 1)
    assert (gauge("outbox_oldest_seconds") or 0) > 0
    assert (gauge("work_oldest_seconds", kind="counted") or 0) > 0

    for held in await lease(database, ["counted"], 10):
        async with database.begin() as tx:
            await finish(tx, held)
    await databases.as_superuser("TRUNCATE storage.outbox, storage.dead_letter")
    await measure_queues(database)

    assert (gauge("outbox_rows"), gauge("work_rows", kind="counted"), gauge("dead_letters")) == (0, 0, 0)
    assert (gauge("outbox_oldest_seconds"), gauge("work_oldest_seconds", kind="counted")) == (0, 0)


async def test_work_that_is_stuck_is_counted_and_what_is_left_for_later_is_not(
    databases: Databases, database: RoomDatabase
) -> None:
    async with database.begin() as tx:
        await enqueue(tx, "slow", Piece("waits"), Piece("new"), Piece("given up"))
        await enqueue(tx, "later", Piece("a", not_before=now() + timedelta(days=30)))
    # As it stands two hours later: one was tried in vain, one just came, one was given up.
    await databases.as_superuser(
        """UPDATE storage.work SET created_at = now() - interval '2 hours', attempts = 9, last_error = 'away'
           WHERE key = 'waits'"""
    )
    await databases.as_superuser("UPDATE storage.work SET created_at = now() - interval '9 days' WHERE key = 'a'")
    await databases.as_superuser(
        """UPDATE storage.work SET created_at = now() - interval '9 days', attempts = 9, not_before = 'infinity'
           WHERE key = 'given up'"""
    )

    await measure_queues(database)

    assert (gauge("work_rows", kind="slow"), gauge("work_stuck", kind="slow")) == (3, 1)
    assert 7100 < (gauge("work_oldest_seconds", kind="slow") or 0) < 8100
    assert gauge("work_rows", kind="later") == 1
    assert (gauge("work_stuck", kind="later"), gauge("work_oldest_seconds", kind="later")) == (0, 0)


async def test_messages_are_counted_timed_and_their_age_told(database: RoomDatabase) -> None:
    queue = f"storage.counted_{uuid4().hex}"

    async def handle(_tx: Transaction, messages: Sequence[DipOrderedV1]) -> None:
        if any(message.establishment == BAD for message in messages):
            raise Rejected("not this one")

    def sample(name: str, **labels: str) -> float | None:
        return gauge(name, queue=queue, **labels)

    consumer = Consumer(queue, database, {DipOrderedV1: handle})
    good, bad = (DipOrderedV1(dip_id=new_id(), establishment=of) for of in (new_id(), BAD))
    await consumer.handle([delivery_of(good, None), delivery_of(bad, None)])

    assert (sample("messages_total", outcome="done"), sample("messages_total", outcome="dead")) == (1, 1)
    assert sample("message_batch_seconds_count") == 1
    assert sample("message_age_seconds_count") == 1
    assert 0 <= (sample("message_age_seconds_sum") or -1) < 60


async def test_what_is_committed_is_counted_and_what_is_undone_is_not(database: RoomDatabase) -> None:
    database.when_posted(count_posted("storage"))
    topic, before = DipOrderedV1.topic, gauge("messages_posted_total", topic=DipOrderedV1.topic) or 0

    async with database.begin() as tx:
        tx.post(DipOrderedV1(dip_id=new_id(), establishment=new_id()))
    with contextlib.suppress(ZeroDivisionError):
        async with database.begin() as tx:
            tx.post(DipOrderedV1(dip_id=new_id(), establishment=new_id()))
            raise ZeroDivisionError

    assert gauge("messages_posted_total", topic=topic) == before + 1
