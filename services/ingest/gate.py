"""A few places for many who wait: owners take turns here too, once their work is in hand.

What is leased waits for a child process; first come, first served, a flood of heavy packages that is in hand would
keep another establishment waiting for all of it (`shared.messaging.turns` ends at the lease).
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Lets so many in at once; of those who wait, whoever has the fewest inside, and among them the first to come."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._inside: Counter[str] = Counter()
        self._waiting: deque[tuple[str, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def place(self, owner: str) -> AsyncIterator[None]:
        """Hold a place for an owner's work."""
        await self._enter(owner)
        try:
            yield
        finally:
            self._leave(owner)

    async def _enter(self, owner: str) -> None:
        if self._free:
            self._free -= 1
            self._inside[owner] += 1
            return
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((owner, called))
        try:
            await called
        except asyncio.CancelledError:
            if called.cancelled() or not called.done():
                self._waiting = deque(each for each in self._waiting if each[1] is not called)
            else:
                # Called at the very moment it gave up: the place is another's.
                self._leave(owner)
            raise

    def _leave(self, owner: str) -> None:
        self._inside[owner] -= 1
        if not self._inside[owner]:
            del self._inside[owner]
        if not self._waiting:
            self._free += 1
            return
        following = min(self._waiting, key=lambda each: self._inside[each[0]])
        self._waiting.remove(following)
        self._inside[following[0]] += 1
        following[1].set_result(None)
