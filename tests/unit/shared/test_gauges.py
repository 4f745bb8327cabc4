"""Measures are taken when asked for, seldom enough, one at a time, and never keep an answer waiting."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter
from prometheus_client import REGISTRY, Gauge, generate_latest

from shared import gauges
from shared.database.engine import room_engine
from shared.gauges import REST_SECONDS, REST_TIMES, Gauges, Measure, OfRoom, show, watch_lag
from shared.messaging.transaction import RoomDatabase
from shared.metrics import DEAD_LETTERS
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_verifier

SHOWN = Gauge("test_shown", "For this test", ("room", "kind"))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Counted:
    """A measure that counts how often it is taken, and takes some time by the clock."""

    def __init__(self, clock: Clock, *, takes: float = 0.0) -> None:
        self.clock, self.takes, self.times = clock, takes, 0

    async def __call__(self, _database: RoomDatabase) -> None:
        self.times += 1
        self.clock.now += self.takes


@pytest.fixture
async def database() -> AsyncIterator[RoomDatabase]:
    # Nobody listens there.
    one = RoomDatabase(room_engine("postgresql+asyncpg://nobody@127.0.0.1:1/nothing", "measured", pool=3), "measured")
    yield one
    await one.engine.dispose()


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


async def test_a_measure_rests_for_a_while_however_often_it_is_asked_for(database: RoomDatabase) -> None:
    clock = Clock()
    quick = Counted(clock)
    measured = Gauges(database, clock)
    measured.add(Measure("quick", quick))

    for _ in range(3):
        await measured.refresh()
    assert quick.times == 1
    clock.now += REST_SECONDS
    await measured.refresh()

    assert quick.times == 2
    assert (sample("chartrier_measured_timestamp_seconds", room="measured", measure="quick") or 0) > 1_700_000_000


async def test_what_takes_long_rests_long(database: RoomDatabase) -> None:
    clock = Clock()
    slow = Counted(clock, takes=3.0)
    measured = Gauges(database, clock)
    measured.add(Measure("slow", slow))

    await measured.refresh()
    clock.now += 3.0 * REST_TIMES - 1
    await measured.refresh()
    assert slow.times == 1
    clock.now += 1
    await measured.refresh()

    assert slow.times == 2


async def test_an_answer_does_not_wait_for_a_measure_that_hangs(
    database: RoomDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauges, "PATIENCE_SECONDS", 0.05)
    hangs, begun = asyncio.Event(), 0

    async def hang(_database: RoomDatabase) -> None:
        nonlocal begun
        begun += 1
        await hangs.wait()

    measured = Gauges(database)
    measured.add(Measure("hangs", hang))
    async with asyncio.timeout(30):
        await asyncio.gather(measured.refresh(), measured.refresh())

    # By one task, whoever asks meanwhile.
    assert begun == 1
    await measured.close()


async def test_a_database_that_is_away_leaves_the_rest(database: RoomDatabase) -> None:
    clock = Clock()
    quick = Counted(clock)
    measured = Gauges(database, clock)
    measured.add(Measure("beside", quick))
    DEAD_LETTERS.labels("measured").set(3)

    await measured.refresh()
    while quick.times == 0:
        await asyncio.sleep(0)

    assert sample("chartrier_dead_letters", room="measured") == 3
    assert sample("chartrier_measured_timestamp_seconds", room="measured", measure="queues") is None
    assert sample("chartrier_database_pool_size", room="measured") == 3
    assert sample("chartrier_database_pool_in_use", room="measured") == 0


async def test_a_measure_that_failed_slowly_is_soon_tried_again(database: RoomDatabase) -> None:
    """A database that hung for a minute must not leave the alarms blind for an hour after it is back."""
    clock = Clock()
    tried: list[float] = []

    async def hangs(_: RoomDatabase) -> None:
        tried.append(clock.now)
        clock.now += 60
        raise TimeoutError

    measured = Gauges(database, clock)
    measured.add(Measure("slow", hangs))
    await measured.refresh()
    clock.now += REST_SECONDS
    await measured.refresh()
    await measured.close()

    assert len(tried) == 2


async def test_metrics_are_answered_while_the_database_is_away(database: RoomDatabase) -> None:
    app = room_app("measured", APIRouter(), a_verifier(), Readiness("measured"), Gauges(database).refresh)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        answer = await client.get("/measured/metrics")

    assert answer.status_code == 200
    assert 'chartrier_database_pool_size{room="measured"} 3.0' in answer.text


def test_what_is_there_no_more_is_shown_as_zero_and_only_within_its_room() -> None:
    show(SHOWN, {("write",): 2, ("verify",): 1}, within=("storage",))
    show(SHOWN, {("check",): 5}, within=("ingest",))
    show(SHOWN, {("verify",): 4}, within=("storage",))

    assert sample("test_shown", room="storage", kind="write") == 0
    assert sample("test_shown", room="storage", kind="verify") == 4
    assert sample("test_shown", room="ingest", kind="check") == 5


def test_a_room_shows_its_own_samples_and_those_of_nobody() -> None:
    SHOWN.labels("storage", "mine").set(1)
    SHOWN.labels("ingest", "theirs").set(1)

    text = generate_latest(OfRoom("storage")).decode()

    assert 'kind="mine"' in text
    assert 'kind="theirs"' not in text
    assert "process_resident_memory_bytes" in text
    assert "chartrier_build_info{" in text


async def test_the_event_loop_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gauges, "LAG_SECONDS", 0.001)
    before = sample("chartrier_event_loop_lag_seconds_count") or 0
    watching = asyncio.create_task(watch_lag())
    async with asyncio.timeout(30):
        while (sample("chartrier_event_loop_lag_seconds_count") or 0) == before:
            await asyncio.sleep(0.001)
    watching.cancel()
