"""The threads of one store: blocking calls run here, never on the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

CLOSE_SECONDS = 5.0
"""How long calls under way may take to end when a store is closed."""


class Threads:
    """Two lanes, so that hours of copying and re-reading never keep a small request waiting."""

    def __init__(self, name: str, short: int = 8, long: int = 6) -> None:
        self._short = ThreadPoolExecutor(short, f"{name}-short")
        self._long = ThreadPoolExecutor(long, f"{name}-long")
        self._calls: set[Future[Any]] = set()

    async def short(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a call of milliseconds."""
        return await self._run(self._short, lambda: call(*args, **kwargs))

    async def long(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a call that may take minutes."""
        return await self._run(self._long, lambda: call(*args, **kwargs))

    async def _run(self, lane: ThreadPoolExecutor, call: Callable[[], R]) -> R:
        # Kept by ourselves: whoever awaits a call may be cancelled, and its thread goes on all the same.
        # In the context of whoever called: what the call does belongs to the caller's trace.
        future = lane.submit(copy_context().run, call)
        self._calls.add(future)
        future.add_done_callback(self._calls.discard)
        return await asyncio.wrap_future(future)

    async def close(self) -> None:
        """Let calls under way end, for a moment: one that waits for a store that hangs is left to itself."""
        for lane in (self._short, self._long):
            lane.shutdown(wait=False, cancel_futures=True)
        under_way = [asyncio.wrap_future(future) for future in self._calls.copy()]
        if under_way:
            await asyncio.wait(under_way, timeout=CLOSE_SECONDS)
