"""The key that signs tokens in this process: read from the database now and then, its public half published."""

import asyncio
import time
from collections.abc import Sequence

from services.admin.handlers import keys as handlers
from services.admin.queries import keys
from services.admin.sealing import Seal, SigningKey
from shared.messaging.transaction import RoomDatabase

RELOAD_SECONDS = 5.0
"""How long a process signs with a key before it looks whether another's turn has come, or this one was revoked."""


class Signer:
    """Holds the signing key of this installation; the first who asks for one makes it.

    Any number of processes may hold one: each reads the same table by the same clock. The private key is kept
    encrypted under `secret`; what is still under one of `also` opens too, and is encrypted again. Where none
    opens it, another key is made, and the old one stays published for as long as its tokens may live.
    """

    def __init__(
        self,
        database: RoomDatabase,
        secret: str,
        *,
        also: Sequence[str] = (),
        reload_seconds: float = RELOAD_SECONDS,
    ) -> None:
        self._database = database
        self._seal = Seal(secret, also)
        self._reload = reload_seconds
        self._lock = asyncio.Lock()
        self._key: SigningKey | None = None
        self._read_at = 0.0

    async def key(self) -> SigningKey:
        """Return the key that signs."""
        key = self._fresh()
        if key is None:
            async with self._lock:
                key = self._fresh() or await self._read()
        return key

    async def published(self) -> dict[str, object]:
        """Return the JWK set by which tokens are verified."""
        await self.key()
        async with self._database.reading() as connection:
            return {"keys": await keys.published(connection)}

    def _fresh(self) -> SigningKey | None:
        return self._key if time.monotonic() - self._read_at < self._reload else None

    async def _read(self) -> SigningKey:
        started = time.monotonic()
        async with self._database.reading() as connection:
            due = await keys.due(connection)
        held = self._key
        if held is None or due is None or due.kid != held.kid or not due.settled:
            async with self._database.begin() as tx:
                held = await handlers.key_to_sign_with(tx, self._seal, held)
        self._key, self._read_at = held, started
        return held
