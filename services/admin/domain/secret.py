"""Secrets of clients: made by us, shown once, kept as a salted digest."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

SECRET_BYTES = 32

OVERLAP = timedelta(hours=24)
"""How long a former secret works on unless told otherwise: a working day to bring the new one to its program."""

LONGEST_OVERLAP = timedelta(days=30)
"""A secret that nobody has replaced within a month is forgotten somewhere, and two that work are one too many."""


@dataclass(frozen=True, slots=True)
class KeptSecret:
    """What we keep of a secret.

    One SHA-256 is enough: our secrets are 256 random bits, so there is nothing to guess that a slow hash
    would protect (as it must for passwords that people choose), and tokens stay cheap. The salt keeps two
    copies of a database from being compared.
    """

    salt: bytes
    sha256: bytes


@dataclass(frozen=True, slots=True)
class FormerSecret:
    """The secret before, and until when it works."""

    kept: KeptSecret
    until: datetime


def new_secret() -> str:
    """Return 256 random bits as 43 characters that need no escaping anywhere."""
    return secrets.token_urlsafe(SECRET_BYTES)


def keep(secret: str) -> KeptSecret:
    """Return what to keep of a secret."""
    salt = secrets.token_bytes(16)
    return KeptSecret(salt, _digest(salt, secret))


def matches(kept: KeptSecret, secret: str) -> bool:
    """Say whether this is the secret, in a time that does not depend on how nearly it is."""
    return hmac.compare_digest(kept.sha256, _digest(kept.salt, secret))


def matches_any(kept: KeptSecret, former: FormerSecret | None, secret: str, at: datetime) -> bool:
    """Say whether this is the secret, or the former one in its time; both are compared whatever comes of it."""
    is_current = matches(kept, secret)
    is_former = matches(NOBODY if former is None else former.kept, secret)
    return is_current | (is_former & (former is not None and at < former.until))


def _digest(salt: bytes, secret: str) -> bytes:
    return hashlib.sha256(salt + secret.encode(errors="surrogatepass")).digest()


NOBODY = keep(new_secret())
"""Compared with when there is no such client, so that an unknown one takes as long as a wrong secret."""
