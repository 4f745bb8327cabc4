"""Doing for many at once: who shares a round, what each hears of it, and what a failure does to the others."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.messaging.gathering import Gatherer


class Rounds:
    """Doubles numbers, and notes the rounds it is asked for; the first lasts until it is let go."""

    def __init__(self, *, bad: int | None = None, error: Exception | None = None) -> None:
        self.rounds: list[list[int]] = []
        self.began = asyncio.Event()
        self.go_on = asyncio.Event()
        self._bad = bad
        self._error = error or ValueError("bad")

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.rounds.append(list(items))
        self.began.set()
        await self.go_on.wait()
        if self._bad in items:
            raise self._error
        return [2 * item for item in items]


async def gathered(rounds: Rounds, most: int = 64) -> list[int | BaseException]:
    """Have 0 done alone, and while that lasts gather 1, 2 and 3."""
    gatherer = Gatherer(rounds, most)
    tasks = [asyncio.create_task(gatherer.add(0))]
    await rounds.began.wait()
    tasks += [asyncio.create_task(gatherer.add(number)) for number in (1, 2, 3)]
    await asyncio.sleep(0)
    rounds.go_on.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_comes_while_a_round_runs_shares_the_next_and_has_its_own_result() -> None:
    rounds = Rounds()

    assert await gathered(rounds) == [0, 2, 4, 6]
    assert rounds.rounds == [[0], [1, 2, 3]]


async def test_a_round_has_a_size() -> None:
    rounds = Rounds()

    assert await gathered(rounds, most=2) == [0, 2, 4, 6]
    assert rounds.rounds == [[0], [1, 2], [3]]


async def test_one_that_cannot_be_done_keeps_no_other_from_it() -> None:
    rounds = Rounds(bad=2)

    done = await gathered(rounds)

    assert (done[0], done[1], done[3]) == (0, 2, 6)
    assert isinstance(done[2], ValueError)
    assert rounds.rounds == [[0], [1, 2, 3], [1], [2], [3]]


async def test_a_database_that_is_away_is_told_to_all_at_once() -> None:
    rounds = Rounds(bad=2, error=ConnectionRefusedError("away"))

    done = await gathered(rounds)

    assert done[0] == 0
    assert all(isinstance(result, ConnectionRefusedError) for result in done[1:])
    assert rounds.rounds == [[0], [1, 2, 3]]


async def test_a_database_that_goes_away_while_items_are_done_again_is_told_to_the_rest_at_once() -> None:
    rounds: list[list[int]] = []

    async def leaving(items: Sequence[int]) -> list[int]:
        rounds.append(list(items))
        if len(items) > 1:
            raise ValueError("one of them")
        if items[0] >= 2:
            raise ConnectionRefusedError("away")
        return [2 * item for item in items]

    gatherer = Gatherer(leaving)
    done = await asyncio.gather(*(gatherer.add(number) for number in (1, 2, 3, 4)), return_exceptions=True)

    assert done[0] == 2
    assert all(isinstance(result, ConnectionRefusedError) for result in done[1:])
    assert rounds == [[1, 2, 3, 4], [1], [2]]


async def test_who_has_left_is_not_done_again() -> None:
    rounds = Rounds(bad=2)
    gatherer = Gatherer(rounds)
    tasks = [asyncio.create_task(gatherer.add(number)) for number in (1, 2, 3)]
    await rounds.began.wait()
    tasks[2].cancel()
    await asyncio.sleep(0)
    rounds.go_on.set()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert rounds.rounds == [[1, 2, 3], [1], [2]]


async def test_who_leaves_while_waiting_is_not_done() -> None:
    rounds = Rounds()
    gatherer = Gatherer(rounds)
    first = asyncio.create_task(gatherer.add(0))
    await rounds.began.wait()
    leaving, staying = asyncio.create_task(gatherer.add(1)), asyncio.create_task(gatherer.add(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    rounds.go_on.set()

    assert list(await asyncio.gather(first, staying)) == [0, 4]
    assert rounds.rounds == [[0], [2]]
    assert leaving.cancelled()


async def test_who_leaves_while_its_round_runs_takes_nobody_along() -> None:
    rounds = Rounds()
    gatherer = Gatherer(rounds)
    tasks = [asyncio.create_task(gatherer.add(number)) for number in (0, 1)]
    await rounds.began.wait()
    tasks[0].cancel()
    await asyncio.sleep(0)
    rounds.go_on.set()

    assert await tasks[1] == 2
    assert rounds.rounds == [[0, 1]]


async def test_after_a_rest_it_works_again() -> None:
    rounds = Rounds()
    rounds.go_on.set()
    gatherer = Gatherer(rounds)

    assert [await gatherer.add(number) for number in (1, 2)] == [2, 4]
    assert rounds.rounds == [[1], [2]]


async def test_a_result_too_few_is_an_error_and_nobody_waits_for_ever() -> None:
    async def forgetful(items: Sequence[int]) -> list[int]:
        return list(items[1:])

    with pytest.raises(AssertionError, match="1 items done, 0 results"):
        await asyncio.wait_for(Gatherer(forgetful).add(1), 5)
