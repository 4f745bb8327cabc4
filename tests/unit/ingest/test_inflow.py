"""A body that may break off: every byte that came is handed on, in portions, and how it ended is known."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.requests import ClientDisconnect

from services.ingest.uploads.inflow import Inflow
from shared.problems import Problem
from shared.slowness import TooSlow

BEYOND = Problem(413, "beyond", "", "")


async def body(*chunks: bytes | Exception) -> AsyncIterator[bytes]:
    for chunk in chunks:
        if isinstance(chunk, Exception):
            raise chunk
        yield chunk


async def portion(inflow: Inflow, size: int) -> bytes:
    return b"".join([chunk async for chunk in inflow.portion(size)])


async def test_portions_are_cut_where_they_are_asked_to_be_and_nothing_is_lost_between_them() -> None:
    inflow = Inflow(body(b"abcde", b"", b"fg", b"hij", b""), 10, BEYOND)

    assert [await portion(inflow, size) for size in (3, 3, 1, 5)] == [b"abc", b"def", b"g", b"hij"]
    assert (inflow.ended, inflow.broken) == (True, None)
    assert await portion(inflow, 5) == b""


@pytest.mark.parametrize(
    ("end", "code"), [(ClientDisconnect(), "truncated"), (TooSlow(), "too_slow")], ids=["cut", "stalled"]
)
async def test_what_came_before_a_body_broke_off_is_handed_on(end: Exception, code: str) -> None:
    inflow = Inflow(body(b"abc", b"de", end), 10, BEYOND)

    assert await portion(inflow, 10) == b"abcde"
    assert inflow.ended
    assert inflow.broken is not None
    assert inflow.broken.code == code


async def test_more_than_may_come_is_said_as_soon_as_it_has_come() -> None:
    inflow = Inflow(body(b"abc", b"def"), 5, BEYOND)

    assert await portion(inflow, 3) == b"abc"
    with pytest.raises(Problem) as refusal:
        await portion(inflow, 3)
    assert refusal.value.code == "beyond"


async def test_a_line_that_falls_silent_has_broken_off_and_what_came_counts() -> None:
    never = asyncio.Event()

    async def silent() -> AsyncIterator[bytes]:
        yield b"abc"
        await never.wait()

    inflow = Inflow(silent(), 10, BEYOND, stall=0.01)

    assert await portion(inflow, 10) == b"abc"
    assert inflow.broken is not None
    assert (inflow.ended, inflow.broken.status) == (True, 408)
