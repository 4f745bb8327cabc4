"""Hands are shared out among owners, and each lane has its own: a flood keeps nobody else waiting."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import text

from shared.messaging.lease import Lane, Lease, Piece
from shared.messaging.transaction import RoomDatabase
from shared.messaging.turns import LEASE, SPARE
from shared.messaging.work import StaleLease, enqueue, finish, lease, move
from shared.messaging.workers import WorkLoop
from tests.servers import Databases

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def database(databases: Databases) -> AsyncIterator[RoomDatabase]:
    await databases.as_superuser("TRUNCATE storage.work")
    room = databases.room("storage")
    yield room
    await room.engine.dispose()


async def ask(database: RoomDatabase, owner: str, *keys: str, lane: Lane = Lane.USUAL) -> None:
    """Ask for work, each piece later than the one before."""
    for key in keys:
        async with database.begin() as tx:
            await enqueue(tx, "copy", Piece(key, owner=owner, lane=lane))


def keys(leases: list[Lease]) -> list[str]:
    return sorted(held.key for held in leases)


async def test_an_owner_who_asks_for_one_thing_does_not_wait_behind_a_flood(database: RoomDatabase) -> None:
    await ask(database, "flood", *(f"f{number}" for number in range(9)))
    await ask(database, "town", "t0", "t1")

    first = await lease(database, ["copy"], 4)

    assert keys(first) == ["f0", "f1", "t0", "t1"]
    assert {held.owner for held in first if held.key.startswith("t")} == {"town"}


async def test_whoever_has_the_fewest_in_hand_comes_first(database: RoomDatabase) -> None:
    await ask(database, "a", "a0", "a1")
    await ask(database, "b", "b0")

    assert keys(await lease(database, ["copy"], 1, in_hand={"a": 2, "b": 1})) == ["b0"]
    assert keys(await lease(database, ["copy"], 1, in_hand={"a": 2})) == ["a0"]


async def test_of_owners_with_as_many_in_hand_the_oldest_work_comes_first(database: RoomDatabase) -> None:
    await ask(database, "z", "z0")
    await ask(database, "", "nobody's")
    await ask(database, "a", "a0")

    taken = [keys(await lease(database, ["copy"], 1)) for _ in range(4)]

    assert taken == [["z0"], ["nobody's"], ["a0"], []]


async def test_the_kinds_of_one_loop_share_their_hands_by_owner(database: RoomDatabase) -> None:
    await ask(database, "flood", "f0", "f1", "f2")
    async with database.begin() as tx:
        await enqueue(tx, "audit", Piece("of flood", owner="flood"), Piece("of town", owner="town"))

    assert keys(await lease(database, ["copy", "audit"], 2)) == ["f0", "of town"]


async def test_lanes_do_not_take_each_others_work(database: RoomDatabase) -> None:
    await ask(database, "town", "small")
    await ask(database, "town", "large", lane=Lane.LARGE)

    (large,) = await lease(database, ["copy"], 10, lane=Lane.LARGE)
    (small,) = await lease(database, ["copy"], 10)

    assert [(one.key, one.lane) for one in (large, small)] == [("large", Lane.LARGE), ("small", Lane.USUAL)]


async def test_moved_work_is_done_by_the_hands_of_the_other_lane(database: RoomDatabase) -> None:
    await ask(database, "town", "heavy")
    (held,) = await lease(database, ["copy"], 1)

    async with database.begin() as tx:
        await move(tx, held, Lane.LARGE)

    assert await lease(database, ["copy"], 1) == []
    (again,) = await lease(database, ["copy"], 1, lane=Lane.LARGE)
    # Handed on, not tried: it counts as one attempt.
    assert (again.key, again.attempts, again.epoch) == ("heavy", 1, held.epoch + 1)
    with pytest.raises(StaleLease):
        async with database.begin() as tx:
            await move(tx, held, Lane.LARGE)


async def test_many_processes_that_look_at_once_find_work_for_all_their_hands(database: RoomDatabase) -> None:
    """Each looks at the first of the queue: those that another has just locked are passed over, not waited for."""
    async with database.begin() as tx:
        await enqueue(tx, "copy", *(Piece(f"f{number}", owner="flood") for number in range(60)))

    taken = await asyncio.gather(*(lease(database, ["copy"], 8) for _ in range(4)))

    assert [len(batch) for batch in taken] == [8, 8, 8, 8]
    assert len({held.key for batch in taken for held in batch}) == 32


async def read_for_a_lease(database: RoomDatabase) -> int:
    """Return how many rows PostgreSQL reads to lease one piece of work."""
    wanted = {"kinds": ["copy"], "lane": Lane.USUAL, "most": 1, "held_owners": [], "held_counts": []}
    async with database.engine.connect() as connection:
        await connection.execute(LEASE, {**wanted, "lease_seconds": 30})
        rows = await connection.scalar(
            text("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'work'::regclass")
        )
        await connection.rollback()
    return int(rows)


async def test_a_lease_costs_the_same_however_long_the_queue_is(database: RoomDatabase, databases: Databases) -> None:
    await ask(database, "flood", "f0")
    await databases.as_superuser(
        "INSERT INTO storage.work (kind, key, payload, owner) "
        "SELECT 'copy', 'g' || n, '{}', 'flood' FROM generate_series(1, 20000) AS n"
    )
    await databases.as_superuser("ANALYZE storage.work")

    assert await read_for_a_lease(database) < 4 * SPARE


async def test_a_large_piece_that_never_ends_keeps_no_small_one_waiting(database: RoomDatabase) -> None:
    never, done = asyncio.Event(), asyncio.Event()

    async def hangs(_held: Lease) -> None:
        await never.wait()

    async def small(held: Lease) -> None:
        async with database.begin() as tx:
            await finish(tx, held)
        done.set()

    loops = (
        WorkLoop(database, {"copy": hangs}, slots=1, lane=Lane.LARGE),
        WorkLoop(database, {"copy": small}, slots=1),
    )
    running = [asyncio.create_task(one.run()) for one in loops]
    await ask(database, "town", "l0", "l1", "l2", lane=Lane.LARGE)
    await ask(database, "town", "small")
    await asyncio.wait_for(done.wait(), 20)
    for one in running:
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_free_hands_are_promised_to_the_work_of_their_lane_alone(database: RoomDatabase) -> None:
    begun: asyncio.Queue[Lease] = asyncio.Queue()
    loop = WorkLoop(database, {"copy": begun.put}, slots=2)
    running = asyncio.create_task(loop.run())
    async with asyncio.timeout(20):
        while not loop.reserve(1):
            await asyncio.sleep(0.01)
    loop.release(1)

    async with database.begin() as tx:
        pieces = (Piece("large", owner="town", lane=Lane.LARGE), Piece("small", owner="town"))
        await enqueue(tx, "copy", *pieces)
    held = await asyncio.wait_for(begun.get(), 20)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert (held.key, held.owner, held.lane, held.epoch) == ("small", "town", Lane.USUAL, 1)
    assert begun.empty()
