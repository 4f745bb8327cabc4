"""What storage says of the room on its sites: asked now and then, and never waited for."""

import asyncio
import logging
import time

from shared.calls import RoomCalls
from shared.messaging.outcome import TryAgain
from shared.problems import Problem

log = logging.getLogger(__name__)

KEPT_SECONDS = 5.0
"""How long an answer is good for."""

PATIENCE_SECONDS = 2.0
"""How long a deposit waits for it: without an answer the sites are taken to have room, and the work waits if not."""


class Sites:
    """How many bytes are open to new AIPs on the site that has least; None where nobody can tell."""

    def __init__(self, calls: RoomCalls, kept_seconds: float = KEPT_SECONDS) -> None:
        self._calls = calls
        self._kept_seconds = kept_seconds
        self._open: int | None = None
        self._asked_at: float | None = None
        self._lock = asyncio.Lock()

    async def open_bytes(self) -> int | None:
        """Return what storage said last, asking it again when that was a while ago."""
        async with self._lock:
            if self._asked_at is None or time.monotonic() - self._asked_at >= self._kept_seconds:
                self._open = await self._ask()
                self._asked_at = time.monotonic()
            return self._open

    async def _ask(self) -> int | None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await self._calls.get_json("storage", "/storage/v1/space") or {"sites": []}
            known = [site["open_bytes"] for site in answer["sites"] if site["open_bytes"] is not None]
            return min(known, default=None)
        except (TryAgain, TimeoutError, Problem, KeyError, TypeError) as error:
            log.info("storage does not say how much room there is", extra={"reason": type(error).__name__})
            return None
