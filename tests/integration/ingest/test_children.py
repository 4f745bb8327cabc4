"""Child processes end with the process they work for, and leave nothing for anybody to complain of.

Each has one call at a time; one that is killed costs that call alone.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from services.ingest.adapters.children import ChildDied, Children, ChildTooSlow
from services.ingest.worker import Workshop
from services.local.settings import room_environment
from services.local.stack import HERE
from tests.integration.ingest.bench import UNHURRIED, Bench
from tests.integration.ingest.busy import begin, has_loaded, tell, until

pytestmark = pytest.mark.integration

LONG = 3600.0

ENDS = """
import asyncio, os, sys, time
from pathlib import Path
from services.ingest.adapters.children import Children, ChildTooSlow
from tests.integration.ingest.busy import begin, until

async def main():
    children = Children(2)
    await children.call(abs, -1)
    try:
        await children.call(time.sleep, 3600, seconds=lambda: 0.1)
    except ChildTooSlow:
        pass
    begun = Path(sys.argv[1])
    cancelled = asyncio.ensure_future(children.call(begin, begun, 3600.0))
    await until(begun)
    cancelled.cancel()
    in_hand = [asyncio.ensure_future(children.call(time.sleep, 3600)) for _ in range(3)]
    await asyncio.sleep(0)
    await children.close()
    await asyncio.gather(*in_hand, return_exceptions=True)

if __name__ == "__main__":
    asyncio.run(main())
    os._exit(0)
"""


def test_a_process_that_has_closed_its_children_leaves_no_semaphore(tmp_path: Path) -> None:
    script = tmp_path / "ends.py"
    script.write_text(ENDS)
    # The helper that would complain has our standard error too: it has ended when this returns.
    environment = {**room_environment(), "PYTHONPATH": str(HERE)}
    ended = subprocess.run(
        [sys.executable, script, tmp_path / "begun"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
    assert ended.stderr == ""


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
async def two() -> AsyncIterator[Children]:
    pool = Children(2)
    yield pool
    await pool.close()


async def test_a_call_that_takes_too_long_costs_its_own_child_alone(two: Children, tmp_path: Path) -> None:
    beside = asyncio.ensure_future(two.call(begin, tmp_path / "beside", 3.0))
    other = await until(tmp_path / "beside")

    with pytest.raises(ChildTooSlow, match="more than 1 seconds"):
        await two.call(begin, tmp_path / "slow", LONG, seconds=lambda: 1.0)

    assert not is_there(await until(tmp_path / "slow"))
    assert await beside == other
    assert await two.call(abs, -1) == 1


async def test_time_counts_from_when_a_child_has_the_call_and_may_be_prolonged(two: Children, tmp_path: Path) -> None:
    asked: list[float] = []

    def seconds() -> float:
        asked.append(time.monotonic())
        return 0.2 if len(asked) == 1 else 30.0

    held = [asyncio.ensure_future(two.call(begin, tmp_path / name, 1.0)) for name in ("a", "b")]
    await asyncio.gather(until(tmp_path / "a"), until(tmp_path / "b"))
    waiting = await two.call(begin, tmp_path / "c", 0.5, seconds=seconds)

    assert waiting in await asyncio.gather(*held)
    assert len(asked) == 2


async def test_a_call_that_is_cancelled_hands_its_busy_child_to_nobody(two: Children, tmp_path: Path) -> None:
    calls = [asyncio.ensure_future(two.call(begin, tmp_path / name, LONG)) for name in ("a", "b")]
    busy = {await until(tmp_path / name) for name in ("a", "b")}

    for call in calls:
        call.cancel()
    ended = await asyncio.gather(*calls, return_exceptions=True)

    assert all(isinstance(one, asyncio.CancelledError) for one in ended)
    assert not any(is_there(pid) for pid in busy)
    async with asyncio.timeout(30):
        after = await asyncio.gather(*(two.call(begin, tmp_path / name, 0.0) for name in ("c", "d", "e")))
    assert busy.isdisjoint(after)


async def test_a_child_that_dies_fails_its_own_call_and_is_replaced(two: Children, tmp_path: Path) -> None:
    beside = asyncio.ensure_future(two.call(begin, tmp_path / "beside", 1.0))
    other = await until(tmp_path / "beside")

    with pytest.raises(ChildDied):
        await two.call(os._exit, 3)

    assert await beside == other
    assert await two.call(abs, -1) == 1


async def test_every_child_that_takes_another_s_place_is_prepared_too(tmp_path: Path) -> None:
    pool = Children(1, partial(tell, tmp_path))
    try:
        with pytest.raises(ChildTooSlow):
            await pool.call(begin, tmp_path / "slow", LONG, seconds=lambda: 0.5)
        replaced = await pool.call(begin, tmp_path / "next", 0.0)
    finally:
        await pool.close()

    assert (tmp_path / f"prepared-{replaced}").exists()


async def test_nothing_is_called_once_the_children_are_closed(tmp_path: Path) -> None:
    pool = Children(1)
    calls = [asyncio.ensure_future(pool.call(begin, tmp_path / name, LONG)) for name in ("held", "waits")]
    busy = await until(tmp_path / "held")

    await pool.close()
    ended = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(one) for one in ended] == [ChildDied, ChildDied]
    assert not is_there(busy)
    assert not (tmp_path / "waits").exists()


async def test_children_share_the_checks_and_have_neither_a_database_nor_a_web_server(bench: Bench) -> None:
    """What a room loads besides would be in the memory of each; the driver's identifiers would bring it along."""
    deposited = await bench.deposit()
    children = Children(1)
    shared = await children.call(has_loaded, "services.ingest.pipeline.judge")
    workshop = Workshop(bench.ingest, children, bench.rules, UNHURRIED)

    await bench.process(workshop)
    loaded = [name for name in ("asyncpg", "fastapi", "sqlalchemy") if await children.call(has_loaded, name)]
    await children.close()

    assert shared
    await bench.built(deposited.id)
    assert loaded == []
