"""What takes long to find out is found out for all who ask at once, and no more often than it can be borne."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from shared.gauges import REST_SECONDS, REST_TIMES
from shared.messaging.gathering import Gatherer

T = TypeVar("T")


class Resting(Generic[T]):
    """Measures when it is asked, by however many, and at most one part in a hundred of the time."""

    def __init__(self, take: Callable[[], Awaitable[T]], clock: Callable[[], float] = time.monotonic) -> None:
        self._take = take
        self._clock = clock
        self._last: list[T] = []
        self._rests_until = 0.0
        self._asked: Gatherer[None, T] = Gatherer(self._answer, most=1000)

    async def look(self) -> T:
        """Return what was found last, or measure where that is old."""
        return await self._asked.add(None)

    async def _answer(self, askers: Sequence[None]) -> Sequence[T]:
        if not self._last or self._clock() >= self._rests_until:
            started = self._clock()
            self._last = [await self._take()]
            self._rests_until = self._clock() + max(REST_SECONDS, REST_TIMES * (self._clock() - started))
        return self._last * len(askers)
