"""PRV-10: the host's clock is compared with time servers; off by a second it is told, beyond the limit all waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, select

from services.proof.clock import (
    Clock,
    ClockOff,
    ClockUnwatched,
    ClockWatch,
    State,
    _clock_ahead,
    believed,
    on_time,
    state_after,
)
from services.proof.handlers import QUEUE, keep_lines
from services.proof.sntp import NoTime, TimeSource, drift_from
from services.proof.tables import line
from shared.database.plumbing import outbox
from shared.messages.journal import JournalLinesV1
from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.outcome import DONE, Verdict
from shared.messaging.transaction import RoomDatabase
from tests.builders.journal import Sender, a_line
from tests.builders.time_server import ATimeServer, running_time_server

LIMIT = timedelta(seconds=10)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def servers() -> AsyncIterator[list[ATimeServer]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running_time_server()) for _ in range(2)]


def clock_by(servers: list[ATimeServer]) -> Clock:
    return Clock([one.source for one in servers], LIMIT, every=0)


@pytest.mark.parametrize(
    "ahead", [0, 3600, -0.5, 10 * 365 * 86400], ids=["none", "an hour", "behind", "the next era"]
)
async def test_the_drift_is_what_it_is(ahead: float) -> None:
    async with running_time_server(ahead) as server:
        drift = await drift_from(server.source, 5)

    assert abs(drift - seconds(ahead)) < seconds(0.2)


@pytest.mark.parametrize(
    "says", ["no time", "a question", "leave me alone", "no stratum", "another's answer", "half", "nothing"]
)
async def test_what_is_no_time_is_not_believed(says: str) -> None:
    async with running_time_server(3600, says) as server:
        with pytest.raises(NoTime):
            await drift_from(server.source, 0.2)


async def test_a_server_that_is_not_there_gives_no_time() -> None:
    async with running_time_server() as server:
        gone = server.source

    for source in (gone, TimeSource("no-such-host.invalid", 123)):
        with pytest.raises(NoTime):
            await drift_from(source, 5)


@pytest.mark.parametrize(
    ("before", "off", "after"),
    [
        (State.RIGHT, 0.9, State.RIGHT),
        (State.RIGHT, -1.1, State.DRIFTED),
        (State.DRIFTED, 0.7, State.DRIFTED),
        (State.DRIFTED, 0.4, State.RIGHT),
        (State.RIGHT, -11, State.STOPPED),
        (State.STOPPED, 6, State.STOPPED),
        (State.STOPPED, 4, State.DRIFTED),
        (State.STOPPED, 0, State.RIGHT),
    ],
)
def test_a_clock_comes_back_at_half_of_what_it_went_at(before: State, off: float, after: State) -> None:
    assert state_after(before, seconds(off), LIMIT) is after


def test_a_single_liar_decides_nothing() -> None:
    assert believed([seconds(0.1), seconds(-500)]) == seconds(0.1)
    assert believed([seconds(500), seconds(0.2), seconds(0.1)]) == seconds(0.2)
    assert believed([seconds(-12), seconds(13)]) == seconds(-12)


async def test_beyond_the_limit_nothing_may_be_dated_until_the_clock_is_right(servers: list[ATimeServer]) -> None:
    clock = clock_by(servers)
    await clock.look()
    clock.require()

    servers[0].ahead = servers[1].ahead = seconds(60)
    with pytest.raises(ClockOff):
        await clock.look()
    with pytest.raises(ClockOff):
        clock.require()
    assert metric("chartrier_clock_stopped") == 1
    assert metric("chartrier_clock_off_seconds") == pytest.approx(60, abs=1)
    assert metric("chartrier_clock_drift_seconds", source=servers[0].source.name) == pytest.approx(60, abs=1)

    servers[1].ahead = seconds(0)
    await clock.look()
    clock.require()
    assert metric("chartrier_clock_stopped") == 0


async def test_servers_are_asked_once_a_minute(servers: list[ATimeServer]) -> None:
    clock = Clock([servers[0].source], LIMIT)

    for _ in range(3):
        await clock.look()

    assert servers[0].asked == 1


async def test_a_clock_that_nobody_watches_stops_nothing_and_says_so(
    servers: list[ATimeServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    servers[0].says = "half"
    clock = clock_by(servers[:1])
    await clock.look()

    monkeypatch.setattr("services.proof.clock.SILENT_SECONDS", 0)
    with pytest.raises(ClockUnwatched):
        await clock.look()
    clock.require()
    assert metric("chartrier_clock_sources") == 0


async def test_without_servers_a_clock_is_right() -> None:
    clock = Clock([], LIMIT)

    await clock.look()
    clock.require()


def is_stopped(clock: Clock) -> bool:
    return clock.state is State.STOPPED


async def test_two_authorities_that_agree_stop_a_clock_and_one_that_no_server_gainsays(
    servers: list[ATimeServer],
) -> None:
    watched, alone = clock_by(servers), Clock([], LIMIT)
    await watched.look()

    watched.hear("a", seconds(60))
    alone.hear("a", seconds(6))
    assert (is_stopped(watched), is_stopped(alone)) == (False, False)
    watched.hear("b", seconds(59))
    alone.hear("a", seconds(-60))

    for clock in (watched, alone):
        with pytest.raises(ClockOff):
            clock.require()
        with pytest.raises(ClockOff):
            await clock.look()
    watched.hear("b", seconds(0))
    watched.require()

    servers[0].says = servers[1].says = "half"
    silent = clock_by(servers)
    await silent.look()
    silent.hear("a", seconds(60))
    assert is_stopped(silent)


async def test_a_clock_that_authorities_stopped_goes_on_once_it_is_set_or_their_word_is_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While it is stopped nothing is stamped: nobody would say that it is right again."""
    was_set, forgotten = Clock([], LIMIT), Clock([], LIMIT)
    for clock in (was_set, forgotten):
        clock.hear("a", seconds(60))
        assert is_stopped(clock)

    monkeypatch.setattr("services.proof.clock._clock_ahead", lambda ahead=_clock_ahead: ahead() + 60)
    await was_set.look()
    was_set.require()

    monkeypatch.undo()
    monkeypatch.setattr("services.proof.clock.HEARD_SECONDS", 0)
    await forgotten.look()
    forgotten.require()


async def told_by(database: RoomDatabase) -> list[tuple[str, str, int]]:
    """Return action, outcome and drift in seconds of each line that was told of the clock."""
    async with database.reading() as connection:
        bodies = (await connection.scalars(select(outbox.c.body).order_by(outbox.c.message_id))).all()
    told = [each for body in bodies for each in JournalLinesV1.model_validate_json(body).lines]
    return [(one.action, one.outcome, round(int(one.details["drift_milliseconds"]) / 1000)) for one in told]


async def test_each_change_is_one_line_of_events(servers: list[ATimeServer], database: RoomDatabase) -> None:
    watch = ClockWatch(clock_by(servers), database)
    for ahead in (0, 2, 2, 30, 30, 0):
        servers[0].ahead = servers[1].ahead = seconds(ahead)
        await asyncio.gather(watch.ask(), return_exceptions=True)

    assert await told_by(database) == [
        ("clock.drifted", "ko", 2),
        ("clock.stopped", "ko", 30),
        ("clock.corrected", "ok", 0),
    ]


async def test_lines_wait_while_the_clock_is_off_and_are_kept_once_it_is_right(
    servers: list[ATimeServer], database: RoomDatabase
) -> None:
    clock = clock_by(servers)
    consumer = Consumer(QUEUE, database, {JournalLinesV1: on_time(clock, keep_lines)})
    message = Sender(f"room-{uuid4()}").says(a_line(establishment=uuid4()))
    delivery = Delivery(message.message_id, message.topic, message.model_dump_json().encode())

    async def lines_kept() -> int:
        async with database.reading() as connection:
            return await connection.scalar(select(func.count()).select_from(line)) or 0

    before = await lines_kept()
    servers[0].ahead = servers[1].ahead = seconds(-11)
    await asyncio.gather(clock.look(), return_exceptions=True)
    (outcome,) = await consumer.handle([delivery])
    assert (outcome.verdict, outcome.patient) == (Verdict.AGAIN, True)
    assert await lines_kept() == before

    servers[0].ahead = servers[1].ahead = seconds(0)
    await clock.look()
    assert await consumer.handle([delivery]) == [DONE]
    assert await lines_kept() == before + 1
