"""The threads of one store: blocking calls run here, never on the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Threads:
    """Two lanes, so that hours of copying and re-reading never keep a small request waiting."""

    def __init__(self, name: str, short: int = 8, long: int = 4) -> None:
        self._short = ThreadPoolExecutor(short, f"{name}-short")
        self._long = ThreadPoolExecutor(long, f"{name}-long")

    async def short(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a call of milliseconds."""
        return await asyncio.get_running_loop().run_in_executor(self._short, lambda: call(*args, **kwargs))

    async def long(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a call that may take minutes."""
        return await asyncio.get_running_loop().run_in_executor(self._long, lambda: call(*args, **kwargs))

    async def close(self) -> None:
        """Wait for the calls under way, then let the threads go."""
        for lane in (self._short, self._long):
            await asyncio.to_thread(lane.shutdown, cancel_futures=True)
