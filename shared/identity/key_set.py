"""Admin's public keys as this process knows them: asked for again when one is unknown, and when they have aged."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import jwt

from shared.messaging.outcome import TryAgain

log = logging.getLogger(__name__)

REFRESH_SECONDS = 10.0
"""An unknown key id asks admin for its keys again, at most this often: anybody may write one into a token."""

FRESH_SECONDS = 30.0
"""How old known keys grow before they are asked for again: so long does a revoked key outlive its revocation."""

STALE_SECONDS = 3600.0
"""How long known keys go on working while admin does not answer.

Only admin gives tokens, and they live ten minutes: when it is away for everybody, no token is left to verify long
before this. The bound is for a room cut off from admin alone, where a revoked key would else be believed for ever.
"""

PATIENCE_SECONDS = 2.0
"""How long a request with a known key waits for newer keys before it makes do with those at hand."""

RETRY_SECONDS = 1.0
"""How long after a failure admin is left alone by requests that cannot do without it."""

KeySource = Callable[[], Awaitable[dict[str, Any]]]
"""Fetches admin's JWK set."""


class KeysOutOfReach(TryAgain):
    """Admin does not answer, and without it nobody can say whether a key is good."""


@dataclass(frozen=True, slots=True)
class Ages:
    """In seconds: `REFRESH_SECONDS`, `FRESH_SECONDS` and `STALE_SECONDS`, unless told otherwise."""

    refresh: float = REFRESH_SECONDS
    fresh: float = FRESH_SECONDS
    stale: float = STALE_SECONDS


class PublishedKeys:
    """The keys admin published when it was last asked, by key id.

    A key is in the set well before its first signature (`services/admin/domain/signing_key.py:LEAD`), so
    whoever finds it missing need only ask again: an answer older than `refresh` is worth asking, a younger
    one knew every key that signs.
    """

    def __init__(self, fetch: KeySource, ages: Ages | None = None) -> None:
        self._fetch = fetch
        self._ages = ages or Ages()
        self._keys: dict[str, jwt.PyJWK] = {}
        # The clock may start with the machine: zero would stand for a moment that is not yet long ago.
        self._fetched_at = -float("inf")
        self._failed_at = -float("inf")
        self._lock = asyncio.Lock()

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """Return a key, or None where admin publishes no such one. Raises `KeysOutOfReach`."""
        if self._worth_asking(key_id):
            async with self._lock:
                if self._worth_asking(key_id):
                    await self._ask()
        known = self._keys.get(key_id)
        unheard = known is None and self._failed_at > self._fetched_at
        if unheard or time.monotonic() - self._fetched_at >= self._ages.stale:
            raise KeysOutOfReach("admin's keys cannot be had")
        return known

    def _worth_asking(self, key_id: str) -> bool:
        now = time.monotonic()
        age, since_failure = now - self._fetched_at, now - self._failed_at
        if key_id in self._keys:
            return age >= self._ages.fresh and since_failure >= self._ages.refresh
        return age >= self._ages.refresh and since_failure >= RETRY_SECONDS

    async def _ask(self) -> None:
        # Counted from before the question: what was published while the answer travelled is not in it.
        asked_at = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS if self._keys else None):
                key_set = jwt.PyJWKSet.from_dict(await self._fetch())
        except (TryAgain, OSError, jwt.PyJWTError) as error:
            self._failed_at = time.monotonic()
            log.warning("admin's keys not fetched", extra={"reason": f"{type(error).__name__}: {error}"[:200]})
            return
        self._keys = {key.key_id: key for key in key_set.keys if key.key_id}
        self._fetched_at = asked_at
