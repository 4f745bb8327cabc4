"""The stores that a room fills: how much room they have, told as metrics; a line in the log when one is full.

A store counts as full from when nothing is open to newcomers until a little more than that is: one that is nearly
full does not change its mind with every deposit.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from shared.metrics import SPACE_FREE, SPACE_FULL, SPACE_TOTAL
from shared.object_store.errors import StoreError
from shared.object_store.space import Space

log = logging.getLogger(__name__)

REST_SECONDS = 1.0
"""How long an answer is good for: what comes in meanwhile lives from the reserve."""

PATIENCE_SECONDS = 2.0
"""How long a store may take to answer: one that hangs must not keep everybody at the door."""


class Place:
    """One store, by the name that operators know it by.

    `measure` says how much room there is, None where nobody can tell. A store that is away is as full as it was when
    it was last seen: what is written there waits by itself, but nobody has found room in it either.
    """

    def __init__(
        self,
        room: str,
        name: str,
        measure: Callable[[], Awaitable[Space | None]],
        rest_seconds: float = REST_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.name = name
        self._room = room
        self._measure = measure
        self._rest_seconds = rest_seconds
        self._patience_seconds = patience_seconds
        self._space: Space | None = None
        self._measured_at: float | None = None
        self._begun_at: float | None = None
        self._full = False
        self._lock = asyncio.Lock()

    @property
    def full(self) -> bool:
        """Say whether it counted as full when we last looked."""
        return self._full

    @property
    def space(self) -> Space | None:
        """Return what we last saw; None if nobody could tell, or the store was away."""
        return self._space

    @property
    def begun_at(self) -> float | None:
        """Return when the last measure began (`time.monotonic`): what was noted before that is in it."""
        return self._begun_at

    @property
    def open(self) -> int | None:
        """Return how many bytes newcomers may take, as we last saw; None where nobody can tell."""
        if self._full:
            return 0
        return None if self._space is None else max(0, self._space.open)

    async def look(self) -> None:
        """Measure again, unless that was just done."""
        async with self._lock:
            if self._measured_at is not None and time.monotonic() - self._measured_at < self._rest_seconds:
                return
            begun_at = time.monotonic()
            try:
                async with asyncio.timeout(self._patience_seconds):
                    self._space = await self._measure()
                self._begun_at = begun_at
                self._judge()
            except (StoreError, TimeoutError):
                self._space = None
            self._measured_at = time.monotonic()

    def _judge(self) -> None:
        if self._space is None:
            self._turn(full=False)
            return
        SPACE_FREE.labels(self._room, self.name).set(self._space.free)
        SPACE_TOTAL.labels(self._room, self.name).set(self._space.total)
        self._turn(full=self._space.open < (self._space.margin if self._full else 1))

    def _turn(self, *, full: bool) -> None:
        SPACE_FULL.labels(self._room, self.name).set(int(full))
        if full == self._full:
            return
        self._full = full
        told = {"place": self.name, "free": None if self._space is None else self._space.free}
        if full:
            log.error("no room left: new deposits are refused", extra=told)
        else:
            log.warning("there is room again: deposits are taken", extra=told)
