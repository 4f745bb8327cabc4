"""Gauges say how much waits in a room's queues, and when nothing waits any more."""

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from services.local.postgres import Postgres
from shared.gauges import measure_queues
from shared.identifiers import new_id
from shared.messages.access import DipOrderedV1
from shared.messaging.lease import Piece
from shared.messaging.work import enqueue, finish, lease
from tests.servers import Databases, fresh

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("storage",))


def gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"chartrier_{name}", {"room": "storage", **labels})


async def test_gauges_follow_what_waits_up_and_down_again(databases: Databases) -> None:
    database = databases.room("storage")
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
    await database.engine.dispose()
