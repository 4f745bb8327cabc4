"""What storage says of the room on its sites: asked now and then, and waited for only by those who know nothing."""

import asyncio
import logging
import math
import time

from shared.calls import RoomCalls
from shared.messaging.outcome import TryAgain
from shared.problems import Problem

log = logging.getLogger(__name__)

KEPT_SECONDS = 5.0
"""How old an answer is when the next is asked for, while deposits go by the one there is."""

OLD_SECONDS = 60.0
"""How old it may be to go by: a deposit after a long silence waits for a new one, as the very first does."""

PATIENCE_SECONDS = 2.0
"""How long storage may take: without an answer the sites are taken to have room, and the work waits if not."""


class Sites:
    """How many bytes are open to new AIPs on the site that has least; None where nobody can tell."""

    def __init__(
        self, calls: RoomCalls, kept_seconds: float = KEPT_SECONDS, old_seconds: float = OLD_SECONDS
    ) -> None:
        self._calls = calls
        self._kept_seconds = kept_seconds
        self._old_seconds = old_seconds
        self._open: int | None = None
        self._told_at = -math.inf
        self._asking: asyncio.Task[None] | None = None

    async def open_bytes(self) -> int | None:
        """Return what storage said last; when that was a while ago, it is asked again behind our back."""
        age = time.monotonic() - self._told_at
        if age >= self._kept_seconds and self._asking is None:
            self._asking = asyncio.create_task(self._ask_again())
        if age >= self._old_seconds and self._asking is not None:
            # Shielded: whoever stops waiting does not take the answer from the others.
            await asyncio.shield(self._asking)
        return self._open

    async def _ask_again(self) -> None:
        try:
            self._open = await self._ask()
            self._told_at = time.monotonic()
        finally:
            self._asking = None

    async def _ask(self) -> int | None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await self._calls.get_json("storage", "/storage/v1/space") or {"sites": []}
            known = [site["open_bytes"] for site in answer["sites"] if site["open_bytes"] is not None]
            return min(known, default=None)
        except (TryAgain, TimeoutError, Problem, KeyError, TypeError) as error:
            log.info("storage does not say how much room there is", extra={"reason": type(error).__name__})
            return None
