"""Particular work that a command takes in hand: nobody else has it meanwhile, and nothing of it is left."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.messaging.lease import Lease, Piece
from shared.messaging.taking import give_back, kept, take
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import StaleLease, enqueue, finish, lease
from tests.servers import Databases

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def database(databases: Databases) -> AsyncIterator[RoomDatabase]:
    await databases.as_superuser("TRUNCATE storage.work")
    room = databases.room("storage")
    yield room
    await room.engine.dispose()


async def taken(database: RoomDatabase, *keys: str, seconds: float = 30) -> list[Lease]:
    async with database.begin() as tx:
        return await take(tx, "copy", *(Piece(key) for key in keys), seconds=seconds)


async def test_what_is_taken_is_nobody_elses_whether_it_was_asked_for_or_not(database: RoomDatabase) -> None:
    async with database.begin() as tx:
        await enqueue(tx, "copy", Piece("held"))
    assert {one.key for one in await lease(database, ["copy"], 1)} == {"held"}
    async with database.begin() as tx:
        await enqueue(tx, "copy", Piece("asked"))

    assert {one.key for one in await taken(database, "held", "asked", "unasked")} == {"asked", "unasked"}
    assert await taken(database, "unasked") == []
    assert await lease(database, ["copy"], 10) == []


async def test_what_ran_out_is_taken_over_and_what_is_not_done_is_given_back(
    database: RoomDatabase, databases: Databases
) -> None:
    (slow,) = await taken(database, "a")
    await databases.as_superuser("UPDATE storage.work SET leased_until = now() - interval '1 second'")
    (ours,) = await taken(database, "a")
    assert ours.epoch == slow.epoch + 1

    await give_back(database, [slow])
    assert len(await databases.as_superuser("SELECT FROM storage.work")) == 1, "it is another's"
    await give_back(database, [ours])
    assert await databases.as_superuser("SELECT FROM storage.work") == []
    with pytest.raises(StaleLease):
        async with database.begin() as tx:
            await finish(tx, ours)


async def test_it_is_kept_for_as_long_as_it_takes(database: RoomDatabase, databases: Databases) -> None:
    held = await taken(database, "a")
    (row,) = await databases.as_superuser("SELECT leased_until FROM storage.work")
    as_before = "SELECT FROM storage.work WHERE leased_until = $1"

    async with kept(database, held, seconds=0.3), asyncio.timeout(30):
        # Renewed for less than it was taken for, which shows.
        while await databases.as_superuser(as_before, row["leased_until"]):
            await asyncio.sleep(0.02)
