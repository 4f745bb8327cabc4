"""The pace of whoever reads a site for nobody who waits: a share of the time, the rest is the deposits'."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf

from services.storage.domain.audits import Pace


@dataclass(frozen=True, slots=True)
class Times:
    """A clock, in seconds, and how to sleep."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


REAL = Times()


class Paced:
    """Rests between readings, until a moment of its clock at most."""

    def __init__(self, share: float, times: Times = REAL, lasts: float = inf) -> None:
        self._pace = Pace(share)
        self._times = times
        self._over = times.clock() + lasts

    async def rest(self, seconds: float) -> float | None:
        """Rest for a reading of so many seconds; return what is owed, not rested, where that lasts beyond the end."""
        owed = self._pace.read(seconds)
        if self._times.clock() + owed >= self._over:
            return owed
        if owed:
            await self._times.sleep(owed)
            self._pace.rested()
        return None
