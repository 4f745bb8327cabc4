"""Verify bearer tokens offline: clients' ES256 tokens by admin's published keys, rooms' own by secret."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt

from shared.clock import now
from shared.identity.caller import Caller, mandates_of
from shared.rooms import ROOMS

AUDIENCE = "chartrier"
INTERNAL_ISSUER = "chartrier-rooms"
INTERNAL_SECONDS = 60
LEEWAY_SECONDS = 5
REFRESH_SECONDS = 10.0
"""An unknown key id asks admin for its keys again, at most this often."""

REMEMBERED = 2048
"""Verified tokens kept at most: checking a signature again costs as much as many a request."""

KeySource = Callable[[], Awaitable[dict[str, Any]]]
"""Fetches admin's JWK set."""


class InvalidToken(Exception):
    """The token is missing, malformed, forged, expired, or not for us."""


class TokenVerifier:
    """Turns a bearer token into a `Caller` without asking anybody, keys once known."""

    def __init__(self, issuer: str, internal_secret: str, fetch_keys: KeySource) -> None:
        self._issuer = issuer
        self._secret = internal_secret
        self._fetch = fetch_keys
        self._keys: dict[str, jwt.PyJWK] = {}
        # The clock may start with the machine: zero would stand for a moment that is not yet long ago.
        self._fetched_at = -REFRESH_SECONDS
        self._lock = asyncio.Lock()
        # By digest, and without the token itself: it is kept no longer than its request.
        self._verified: dict[bytes, tuple[float, Caller]] = {}

    async def verify(self, token: str) -> Caller:
        """Return the caller a token names. Raises `InvalidToken`."""
        known_as = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        ends, caller = self._verified.get(known_as, (0.0, None))
        if caller is not None and time.time() < ends + LEEWAY_SECONDS:
            return replace(caller, token=token)
        try:
            claims, caller = await self._check(token)
        except (jwt.PyJWTError, ValueError, KeyError, TypeError) as error:
            raise InvalidToken(str(error)) from error
        if len(self._verified) >= REMEMBERED:
            # All of them: they are as short-lived as they are cheap to have again.
            self._verified.clear()
        self._verified[known_as] = (float(claims["exp"]), replace(caller, token=""))
        return caller

    async def _check(self, token: str) -> tuple[dict[str, Any], Caller]:
        header = jwt.get_unverified_header(token)
        if header.get("alg") == "HS256":
            return self._room(token)
        key = await self._key(str(header.get("kid", "")))
        claims = jwt.decode(token, key, algorithms=["ES256"], issuer=self._issuer, **_CHECKS)
        return claims, Caller(f"client:{claims['sub']}", mandates_of(claims), token)

    def _room(self, token: str) -> tuple[dict[str, Any], Caller]:
        claims = jwt.decode(token, self._secret, algorithms=["HS256"], issuer=INTERNAL_ISSUER, **_CHECKS)
        if claims["sub"] not in ROOMS:
            raise InvalidToken("no such room")
        return claims, Caller(f"room:{claims['sub']}", (), token, internal=True)

    async def _key(self, key_id: str) -> jwt.PyJWK:
        if key_id not in self._keys:
            async with self._lock:
                await self._refresh(key_id)
        if key_id not in self._keys:
            raise InvalidToken(f"unknown key {key_id}")
        return self._keys[key_id]

    async def _refresh(self, key_id: str) -> None:
        if key_id in self._keys or time.monotonic() - self._fetched_at < REFRESH_SECONDS:
            return
        key_set = jwt.PyJWKSet.from_dict(await self._fetch())
        self._keys = {key.key_id: key for key in key_set.keys if key.key_id}
        self._fetched_at = time.monotonic()
        # A key that is no longer published takes its tokens along.
        self._verified.clear()


_CHECKS: dict[str, Any] = {
    "audience": AUDIENCE,
    "leeway": LEEWAY_SECONDS,
    "options": {"require": ["exp", "iat", "sub", "iss", "aud"]},
}


def room_token(room: str, secret: str) -> str:
    """Sign a short token by which `room` is known to the others."""
    issued = now()
    claims = {
        "sub": room,
        "iss": INTERNAL_ISSUER,
        "aud": AUDIENCE,
        "iat": issued,
        "exp": issued + timedelta(seconds=INTERNAL_SECONDS),
    }
    return jwt.encode(claims, secret, algorithm="HS256")
