"""Leased work: one worker at a time, epochs, back-off, and what a late worker may no longer do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio

from shared.clock import now
from shared.identifiers import new_id
from shared.messaging.lease import Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import StaleLease, confirm, enqueue, finish, hasten, lease, note, postpone, renew
from shared.messaging.workers import WorkLoop
from tests.servers import Databases

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def database(databases: Databases) -> AsyncIterator[RoomDatabase]:
    await databases.as_superuser("TRUNCATE storage.work")
    room = databases.room("storage")
    yield room
    await room.engine.dispose()


async def ask(database: RoomDatabase, *keys: str) -> None:
    async with database.begin() as tx:
        for key in keys:
            await enqueue(tx, "copy", Piece(key, {"key": key}))


async def take_over(databases: Databases) -> None:
    """Let every lease run out now, as if its worker had been silent for long."""
    await databases.as_superuser("UPDATE storage.work SET leased_until = now() - interval '1 second'")


async def test_the_same_work_asked_twice_is_done_once(database: RoomDatabase) -> None:
    await ask(database, "a")
    await ask(database, "a")

    assert [held.key for held in await lease(database, ["copy"], 10)] == ["a"]


async def test_two_workers_never_take_the_same_work(database: RoomDatabase) -> None:
    await ask(database, *(f"k{index}" for index in range(40)))

    taken = await asyncio.gather(*(lease(database, ["copy"], 7) for _ in range(6)))

    keys = [held.key for batch in taken for held in batch]
    assert len(keys) == len(set(keys)) == 40


async def test_a_worker_whose_lease_was_taken_over_can_record_nothing(
    database: RoomDatabase, databases: Databases
) -> None:
    await ask(database, "a")
    [slow] = await lease(database, ["copy"], 1)
    await take_over(databases)
    [successor] = await lease(database, ["copy"], 1)

    assert successor.epoch == slow.epoch + 1
    for act in (finish, confirm):
        with pytest.raises(StaleLease):
            async with database.begin() as tx:
                await act(tx, slow)
    with pytest.raises(StaleLease):
        async with database.begin() as tx:
            await postpone(tx, slow, "late")
    with pytest.raises(StaleLease):
        async with database.begin() as tx:
            await note(tx, slow, {"seen": "late"})
    assert successor.payload == slow.payload
    assert await renew(database, [slow, successor]) == {successor.id}
    async with database.begin() as tx:
        await finish(tx, successor)


async def test_effects_of_a_stale_worker_roll_back(database: RoomDatabase, databases: Databases) -> None:
    await ask(database, "a")
    [slow] = await lease(database, ["copy"], 1)
    await take_over(databases)
    await lease(database, ["copy"], 1)

    async def late() -> None:
        async with database.begin() as tx:
            await enqueue(tx, "effect", Piece("of the slow one"))
            await finish(tx, slow)

    with pytest.raises(StaleLease):
        await late()
    assert await lease(database, ["effect"], 1) == []


async def test_postponed_work_waits_and_remembers_why(database: RoomDatabase, databases: Databases) -> None:
    await ask(database, "a")
    [held] = await lease(database, ["copy"], 1)
    async with database.begin() as tx:
        await postpone(tx, held, "site away")

    assert await lease(database, ["copy"], 1) == []
    [row] = await databases.as_superuser(
        "SELECT last_error, not_before > now() AS waits, leased_until FROM storage.work"
    )
    assert dict(row) == {"last_error": "site away", "waits": True, "leased_until": None}


async def test_whoever_has_the_work_leaves_word_for_the_next(database: RoomDatabase, databases: Databases) -> None:
    await ask(database, "a")
    [held] = await lease(database, ["copy"], 1)
    async with database.begin() as tx:
        await note(tx, held, {"tried": 1})
    await take_over(databases)

    [successor] = await lease(database, ["copy"], 1)

    assert successor.payload == {"tried": 1}


async def test_the_loop_does_the_work_and_gives_failures_back(database: RoomDatabase, databases: Databases) -> None:
    tried: dict[str, int] = {}
    done = asyncio.Event()

    async def job(held: Lease) -> None:
        tried[held.key] = tried.get(held.key, 0) + 1
        if held.key == "flaky" and tried[held.key] == 1:
            raise TryAgain("not yet")
        async with database.begin() as tx:
            await finish(tx, held)
        if held.key == "flaky":
            done.set()

    loop = asyncio.create_task(WorkLoop(database, {"copy": job}, slots=2).run())
    await ask(database, "a", "b", "c", "flaky")
    await asyncio.wait_for(done.wait(), 20)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)

    assert tried == {"a": 1, "b": 1, "c": 1, "flaky": 2}
    assert await databases.as_superuser("SELECT key FROM storage.work") == []


async def test_a_lease_is_renewed_for_as_long_as_the_work_lasts(database: RoomDatabase, databases: Databases) -> None:
    renewed = asyncio.Event()

    async def job(_held: Lease) -> None:
        before = await databases.as_superuser("SELECT leased_until FROM storage.work")
        while await databases.as_superuser("SELECT leased_until FROM storage.work") == before:
            await asyncio.sleep(0.02)
        renewed.set()

    loop = asyncio.create_task(WorkLoop(database, {"copy": job}, slots=1, lease_seconds=0.6).run())
    await ask(database, "long")
    await asyncio.wait_for(renewed.wait(), 20)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


class Working:
    """A loop that does work as long as it is told to, and notes what it has in hand."""

    def __init__(self, database: RoomDatabase, slots: int) -> None:
        self.begun: list[Lease] = []
        self.news = asyncio.Condition()
        self.go_on = asyncio.Event()
        self._database = database
        self.loop = WorkLoop(database, {"copy": self._do}, slots=slots)

    async def _do(self, held: Lease) -> None:
        self.begun.append(held)
        async with self.news:
            self.news.notify_all()
        await self.go_on.wait()
        async with self._database.begin() as tx:
            await finish(tx, held)

    async def until_begun(self, count: int) -> None:
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: len(self.begun) >= count)


@asynccontextmanager
async def at_work_on(database: RoomDatabase, slots: int) -> AsyncIterator[Working]:
    """A loop at work on what there is."""
    working = Working(database, slots)
    running = asyncio.create_task(working.loop.run())
    yield working
    working.go_on.set()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def at_work(database: RoomDatabase, slots: int) -> AsyncIterator[Working]:
    """A loop that has looked, and found nothing to do yet."""
    async with at_work_on(database, slots) as working:
        async with asyncio.timeout(20):
            while not working.loop.reserve(1):
                await asyncio.sleep(0.01)
        working.loop.release(1)
        yield working


async def test_free_hands_hold_what_is_asked_for_from_its_commit_on(
    database: RoomDatabase, databases: Databases
) -> None:
    cause = new_id()
    async with at_work(database, slots=2) as working:
        async with database.begin() as tx:
            await enqueue(tx, "copy", *(Piece(key, {"of": key}, cause) for key in ("a", "b", "c")))
        await working.until_begun(2)
        rows = await databases.as_superuser(
            "SELECT key, epoch, attempts, leased_until > now() AS held FROM storage.work ORDER BY key"
        )
        working.go_on.set()
        await working.until_begun(3)

    # Two hands: the third piece waited for one of them.
    assert [dict(row) for row in rows] == [
        {"key": "a", "epoch": 1, "attempts": 1, "held": True},
        {"key": "b", "epoch": 1, "attempts": 1, "held": True},
        {"key": "c", "epoch": 0, "attempts": 0, "held": None},
    ]
    assert [(held.key, held.payload, held.cause) for held in working.begun] == [
        (key, {"of": key}, cause) for key in ("a", "b", "c")
    ]


async def test_what_a_rolled_back_transaction_asked_for_is_in_no_hand(database: RoomDatabase) -> None:
    async def fails() -> None:
        async with database.begin() as tx:
            await enqueue(tx, "copy", Piece("a"))
            raise RuntimeError("on purpose")

    async with at_work(database, slots=1) as working:
        with pytest.raises(RuntimeError):
            await fails()
        # The hand is free again for what does commit.
        await ask(database, "b")
        await working.until_begun(1)

    assert [held.key for held in working.begun] == ["b"]


async def test_work_asked_twice_is_in_one_hand(database: RoomDatabase) -> None:
    async with at_work(database, slots=3) as working:
        await ask(database, "a")
        await ask(database, "a", "a", "b")
        await working.until_begun(2)
        free = working.loop.reserve(3)

    assert [held.key for held in working.begun] == ["a", "b"]
    assert free == 1


async def test_newer_work_does_not_overtake_what_waits_for_a_hand(database: RoomDatabase) -> None:
    await ask(database, "a", "b", "c")
    async with at_work_on(database, slots=1) as working:
        await working.until_begun(1)
        await ask(database, "d")
        working.go_on.set()
        await working.until_begun(4)

    assert [held.key for held in working.begun] == ["a", "b", "c", "d"]


async def test_work_for_later_is_in_no_hand_before_its_time(database: RoomDatabase, databases: Databases) -> None:
    async with at_work(database, slots=2) as working:
        async with database.begin() as tx:
            await enqueue(tx, "copy", Piece("later", not_before=now() + timedelta(hours=1)), Piece("now"))
        await working.until_begun(1)

    assert [held.key for held in working.begun] == ["now"]
    [row] = await databases.as_superuser(
        "SELECT not_before > now() + interval '50 minutes' AS waits FROM storage.work WHERE key = 'later'"
    )
    assert row["waits"]


async def test_work_promised_to_hands_that_stop_meanwhile_is_free_for_others(
    database: RoomDatabase, databases: Databases
) -> None:
    working = Working(database, slots=1)
    running = asyncio.create_task(working.loop.run())
    async with asyncio.timeout(20):
        while not working.loop.reserve(1):
            await asyncio.sleep(0.01)
    working.loop.release(1)

    async with database.begin() as tx:
        await enqueue(tx, "copy", Piece("a"))
        running.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(running, return_exceptions=True)

    [row] = await databases.as_superuser("SELECT epoch, attempts, leased_until FROM storage.work")
    assert dict(row) == {"epoch": 1, "attempts": 0, "leased_until": None}
    assert working.begun == []


async def test_work_left_for_later_may_be_wanted_sooner_and_what_is_held_or_abandoned_stays_as_it_is(
    database: RoomDatabase, databases: Databases
) -> None:
    later = now() + timedelta(hours=1)
    await ask(database, "held")
    [held] = await lease(database, ["copy"], 1)
    async with database.begin() as tx:
        await enqueue(tx, "copy", *(Piece(key, not_before=later) for key in ("now", "soon", "abandoned")))
    await databases.as_superuser("UPDATE storage.work SET not_before = 'infinity' WHERE key = 'abandoned'")

    async with database.begin() as tx:
        for key in ("now", "held", "abandoned", "none"):
            await hasten(tx, "copy", key)
        await hasten(tx, "copy", "soon", later - timedelta(minutes=30))
        await hasten(tx, "copy", "soon", later)

    assert [one.key for one in await lease(database, ["copy"], 10)] == ["now"]
    rows = await databases.as_superuser("SELECT key, not_before, epoch FROM storage.work")
    found = {row["key"]: row for row in rows}
    assert found["soon"]["not_before"] == later - timedelta(minutes=30)
    assert found["held"]["epoch"] == held.epoch
