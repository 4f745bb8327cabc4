"""Work without end: given back after each stint, neither old nor failed, and never by who lost it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.messaging.lease import Piece
from shared.messaging.stints import rest
from shared.messaging.transaction import RoomDatabase
from shared.messaging.watchdog import stuck, watched
from shared.messaging.work import StaleLease, enqueue, lease, postpone
from tests.servers import Databases

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def database(databases: Databases) -> AsyncIterator[RoomDatabase]:
    await databases.as_superuser("TRUNCATE storage.work")
    room = databases.room("storage")
    async with room.begin() as tx:
        await enqueue(tx, "audit", Piece("a/0"))
    yield room
    await room.engine.dispose()


async def test_work_that_rests_is_ready_when_its_time_has_come(database: RoomDatabase) -> None:
    for seconds, ready in ((600.0, 0), (0.0, 1)):
        (held,) = await lease(database, ["audit"], 1)
        async with database.begin() as tx:
            await rest(tx, held, seconds)
        async with database.reading() as connection:
            (row,) = await watched(connection, only_stuck=False)
        assert row.state == ("ready" if ready else "waiting")
        if not ready:
            assert await lease(database, ["audit"], 1) == []
            async with database.begin() as tx:
                await tx.connection.exec_driver_sql("UPDATE work SET not_before = now()")


async def test_work_that_came_round_for_months_is_neither_old_nor_failed(
    database: RoomDatabase, databases: Databases
) -> None:
    for _ in range(6):
        (held,) = await lease(database, ["audit"], 1)
        async with database.begin() as tx:
            await postpone(tx, held, "a site was away")
        await databases.as_superuser("UPDATE storage.work SET not_before = now()")
    await databases.as_superuser("UPDATE storage.work SET created_at = now() - interval '90 days'")
    async with database.reading() as connection:
        assert len(await stuck(connection)) == 1

    (held,) = await lease(database, ["audit"], 1)
    async with database.begin() as tx:
        await rest(tx, held, 0.0)

    async with database.reading() as connection:
        assert await stuck(connection) == []
        (row,) = await watched(connection, only_stuck=False)
    assert (row.attempts, row.last_error) == (0, None)
    (held,) = await lease(database, ["audit"], 1)
    assert held.attempts == 1


async def test_who_lost_the_lease_gives_nothing_back(database: RoomDatabase, databases: Databases) -> None:
    (held,) = await lease(database, ["audit"], 1)
    await databases.as_superuser("UPDATE storage.work SET epoch = epoch + 1")

    with pytest.raises(StaleLease, match="audit a/0"):
        async with database.begin() as tx:
            await rest(tx, held, 0.0)
