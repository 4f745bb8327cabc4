"""Several things asked of a site at one time, and taken in their order: most of a rebuild's time would be waiting."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def ahead(
    things: AsyncIterable[T] | Iterable[T], do: Callable[[T], Awaitable[R]], most: int
) -> AsyncGenerator[tuple[T, R], None]:
    """Yield what comes of each thing, in the order of the things; `most` are under way or wait to be taken.

    What one raises comes when its turn is; those behind it are given up.
    """
    under_way: deque[tuple[T, asyncio.Task[R]]] = deque()
    try:
        async for thing in _each(things):
            under_way.append((thing, asyncio.ensure_future(_done(do, thing))))
            if len(under_way) >= most:
                first, task = under_way.popleft()
                yield first, await task
        while under_way:
            first, task = under_way.popleft()
            yield first, await task
    finally:
        for _, task in under_way:
            task.cancel()
        await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)


async def _done(do: Callable[[T], Awaitable[R]], thing: T) -> R:
    return await do(thing)


async def _each(things: AsyncIterable[T] | Iterable[T]) -> AsyncGenerator[T, None]:
    if isinstance(things, AsyncIterable):
        async for thing in things:
            yield thing
    else:
        for thing in things:
            yield thing
