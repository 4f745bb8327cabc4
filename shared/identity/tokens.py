"""Verify bearer tokens offline: clients' ES256 tokens by admin's published keys, rooms' own by secret."""

import contextlib
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import jwt

from shared.clock import now
from shared.identity.caller import Caller, mandates_of
from shared.identity.key_set import Ages, KeySource, PublishedKeys
from shared.rooms import ROOMS

AUDIENCE = "chartrier"
INTERNAL_ISSUER = "chartrier-rooms"
INTERNAL_SECONDS = 60
LEEWAY_SECONDS = 5

REMEMBERED = 2048
"""Verified tokens kept at most: checking a signature again costs as much as many a request."""


class InvalidToken(Exception):
    """The token is missing, malformed, forged, expired, or not for us."""


@dataclass(frozen=True, slots=True)
class _Verified:
    """What is remembered of a token: when it ends, the published key it hangs on, and whom it names."""

    ends: float
    key_id: str | None
    caller: Caller


class TokenVerifier:
    """Turns a bearer token into a `Caller` without asking anybody, keys once known.

    Rooms' own tokens are believed under `internal_secret` and under each of `also`: while the secret is being
    changed, some rooms sign with the new one and others still with the old.
    """

    def __init__(
        self,
        issuer: str,
        internal_secret: str,
        fetch_keys: KeySource,
        *,
        also: Sequence[str] = (),
        ages: Ages | None = None,
    ) -> None:
        self._issuer = issuer
        self._secrets = (internal_secret, *also)
        self._keys = PublishedKeys(fetch_keys, ages)
        # By digest, and without the token itself: it is kept no longer than its request.
        self._verified: dict[bytes, _Verified] = {}

    async def verify(self, token: str) -> Caller:
        """Return the caller a token names. Raises `InvalidToken`, and `KeysOutOfReach` when nobody can say."""
        known_as = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._verified.get(known_as)
        if known is not None and await self._holds(known):
            return replace(known.caller, token=token)
        try:
            verified = await self._check(token)
        except (jwt.PyJWTError, ValueError, KeyError, TypeError) as error:
            raise InvalidToken(str(error)) from error
        if len(self._verified) >= REMEMBERED:
            # All of them: they are as short-lived as they are cheap to have again.
            self._verified.clear()
        self._verified[known_as] = replace(verified, caller=replace(verified.caller, token=""))
        return verified.caller

    async def _holds(self, known: _Verified) -> bool:
        if time.time() >= known.ends + LEEWAY_SECONDS:
            return False
        # A key that is no longer published takes its tokens along.
        return known.key_id is None or await self._keys.find(known.key_id) is not None

    async def _check(self, token: str) -> _Verified:
        header = jwt.get_unverified_header(token)
        if header.get("alg") == "HS256":
            return self._room(token)
        key_id = str(header.get("kid", ""))
        key = await self._keys.find(key_id)
        if key is None:
            raise InvalidToken(f"unknown key {key_id}")
        claims = jwt.decode(token, key, algorithms=["ES256"], issuer=self._issuer, **_CHECKS)
        caller = Caller(f"client:{claims['sub']}", mandates_of(claims), token)
        return _Verified(float(claims["exp"]), key_id, caller)

    def _room(self, token: str) -> _Verified:
        claims = self._room_claims(token)
        if claims["sub"] not in ROOMS:
            raise InvalidToken("no such room")
        return _Verified(float(claims["exp"]), None, Caller(f"room:{claims['sub']}", (), token, internal=True))

    def _room_claims(self, token: str) -> dict[str, Any]:
        for secret in self._secrets:
            with contextlib.suppress(jwt.InvalidSignatureError):
                return jwt.decode(token, secret, algorithms=["HS256"], issuer=INTERNAL_ISSUER, **_CHECKS)
        raise InvalidToken("signed with none of the rooms' secrets")


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
