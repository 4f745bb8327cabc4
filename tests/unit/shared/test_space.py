"""When a store counts as full, and when as open again; what is told of it."""

import asyncio
import logging
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from shared.object_store.errors import StoreUnavailable
from shared.object_store.space import Allowance, Space, space_within
from shared.space import Place

MIB = 1024**2


def a_place(name: str, measure: Callable[[], Space | None]) -> Place:
    async def measured() -> Space | None:
        return measure()

    return Place("tests", name, measured, rest_seconds=0)


def gauge(name: str, place: str) -> float | None:
    return REGISTRY.get_sample_value(f"chartrier_space_{name}", {"room": "tests", "place": place})


async def test_a_store_is_full_from_its_reserve_on_and_open_again_only_a_little_above_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    free = [0]
    place = a_place("hysteresis", lambda: Space(free[0] * MIB, 1000 * MIB, reserve=100 * MIB))
    seen = []

    with caplog.at_level(logging.INFO):
        for free[0] in (500, 101, 100, 101, 109, 110, 101, 99):
            await place.look()
            seen.append((place.full, place.open, gauge("full", "hysteresis")))

    assert seen == [
        (False, 400 * MIB, 0),
        (False, MIB, 0),
        (True, 0, 1),
        (True, 0, 1),
        (True, 0, 1),
        (False, 10 * MIB, 0),
        (False, MIB, 0),
        (True, 0, 1),
    ]
    assert (gauge("free_bytes", "hysteresis"), gauge("total_bytes", "hysteresis")) == (99 * MIB, 1000 * MIB)
    assert [(record.levelname, record.message.split(":")[0]) for record in caplog.records] == [
        ("ERROR", "no room left"),
        ("WARNING", "there is room again"),
        ("ERROR", "no room left"),
    ]


async def test_what_work_in_hand_will_still_write_is_not_for_newcomers() -> None:
    place = a_place("owed", lambda: Space(500, 1000, reserve=100, owed=350))

    await place.look()

    assert (place.full, place.open) == (False, 50)


async def test_a_store_that_does_not_answer_or_tells_nothing_is_not_full() -> None:
    def away() -> Space | None:
        raise StoreUnavailable("unmounted")

    for place in (a_place("away", away), a_place("silent", lambda: None)):
        await place.look()
        assert (place.full, place.open, place.space) == (False, None, None)


async def test_a_full_store_that_goes_away_is_as_full_as_it_was_until_room_is_found_in_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    free: list[int | None] = [0]

    def measure() -> Space | None:
        if free[0] is None:
            raise StoreUnavailable("unmounted")
        return Space(free[0] * MIB, 1000 * MIB, reserve=100 * MIB)

    place = a_place("gone", measure)
    seen = []
    with caplog.at_level(logging.INFO):
        for free[0] in (50, None, None, 50, 500):
            await place.look()
            seen.append((place.full, place.open, gauge("full", "gone")))

    assert seen == [(True, 0, 1)] * 4 + [(False, 400 * MIB, 0)]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


async def test_a_store_that_hangs_keeps_nobody_waiting() -> None:
    async def hang() -> Space | None:
        await asyncio.Event().wait()
        return None

    place = Place("tests", "hanging", hang, patience_seconds=0.01)
    await place.look()

    assert (place.full, place.open) == (False, None)


async def test_a_measure_is_good_for_a_while() -> None:
    asked = []

    async def measure() -> Space | None:
        asked.append(1)
        return Space(10, 10, 0)

    place = Place("tests", "rest", measure, rest_seconds=3600)
    for _ in range(3):
        await place.look()

    assert len(asked) == 1


@pytest.mark.parametrize(
    ("allowance", "system", "expected"),
    [
        (Allowance(5), None, None),
        (Allowance(5), Space(70, 100, 5), Space(70, 100, 5)),
        (Allowance(5, quota=50), None, Space(20, 50, 5)),
        (Allowance(5, quota=50), Space(70, 100, 5), Space(20, 50, 5)),
        (Allowance(5, quota=200), Space(70, 100, 5), Space(70, 100, 5)),
        (Allowance(5, quota=10), Space(70, 100, 5), Space(0, 10, 5)),
    ],
)
async def test_of_a_quota_and_what_there_is_the_lesser_counts(
    allowance: Allowance, system: Space | None, expected: Space | None
) -> None:
    async def held() -> int:
        return 30

    assert await space_within(allowance, held, system) == expected
