"""Few places, many who wait: owners take turns, and whoever gives up leaves none occupied."""

import asyncio

import pytest

from services.ingest.gate import Gate


class Crowd:
    """Those who enter a gate, in the order in which they did, each staying until told to leave."""

    def __init__(self, places: int) -> None:
        self.gate = Gate(places)
        self.entered: list[str] = []
        self._leaving: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, owner: str, name: str) -> None:
        self._leaving[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._stay(owner, name))
        await asyncio.sleep(0)

    async def _stay(self, owner: str, name: str) -> None:
        async with self.gate.place(owner):
            self.entered.append(name)
            await self._leaving[name].wait()

    async def leave(self, name: str) -> None:
        self._leaving[name].set()
        await self._tasks[name]
        await asyncio.sleep(0)

    async def give_up(self, name: str) -> None:
        self._tasks[name].cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._tasks[name]
        await asyncio.sleep(0)


async def test_whoever_has_the_fewest_inside_comes_next() -> None:
    crowd = Crowd(2)
    for name in ("a1", "a2", "a3", "a4", "b1"):
        await crowd.come(name[0], name)

    await crowd.leave("a1")
    await crowd.leave("b1")

    assert crowd.entered == ["a1", "a2", "b1", "a3"]


async def test_of_one_owner_the_first_to_come_is_the_first_to_enter() -> None:
    crowd = Crowd(1)
    for name in ("a1", "a2", "a3"):
        await crowd.come("a", name)

    for name in ("a1", "a2", "a3"):
        await crowd.leave(name)

    assert crowd.entered == ["a1", "a2", "a3"]


async def test_who_gives_up_waiting_is_called_no_more() -> None:
    crowd = Crowd(1)
    for name in ("a1", "a2", "a3"):
        await crowd.come("a", name)

    await crowd.give_up("a2")
    await crowd.leave("a1")

    assert crowd.entered == ["a1", "a3"]


async def test_a_place_given_to_whoever_gives_up_at_that_moment_is_anothers() -> None:
    gate, entered = Gate(1), []

    async def stay(name: str) -> None:
        async with gate.place("a"):
            entered.append(name)

    async with gate.place("a"):
        two, three = (asyncio.create_task(stay(name)) for name in ("two", "three"))
        await asyncio.sleep(0)
    # Called, and not yet awake: leaving has awaited nothing.
    two.cancel()
    await asyncio.gather(two, three, return_exceptions=True)

    assert entered == ["three"]
    async with asyncio.timeout(5), gate.place("b"):
        pass


async def test_work_that_fails_gives_its_place_back() -> None:
    gate = Gate(1)
    with pytest.raises(RuntimeError):
        async with gate.place("a"):
            raise RuntimeError("on purpose")

    async with asyncio.timeout(5), gate.place("a"):
        pass
