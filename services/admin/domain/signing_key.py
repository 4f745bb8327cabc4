"""Signing keys: published first, then signing, then retired but still published, then dropped; or revoked at once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LEAD = timedelta(minutes=2)
"""How long a new key is published before it signs.

A verifier may hold keys that are half a minute old (`FRESH_SECONDS`) and had them from a cache that kept them
for half a minute more (`KEYS_MAX_AGE`); when it then meets the new key, its last question is older than
`REFRESH_SECONDS`, and it may ask again. This is twice that minute, for clocks and processes that are slow.
"""

KEPT_PUBLISHED = timedelta(hours=1)
"""How long a key that no longer signs stays published. Its last tokens live for ten minutes; the rest is for a
process that could not read the database to hear that another key signs."""


class State(StrEnum):
    """Where a key is in its life."""

    PUBLISHED = "published"
    SIGNING = "signing"
    RETIRED = "retired"
    DROPPED = "dropped"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What is known of a key, its private half aside; `retired_at` is None while it signs, or will."""

    kid: str
    created_at: datetime
    signs_from: datetime
    retired_at: datetime | None
    revoked_at: datetime | None
    pkcs8: bytes

    @property
    def drops_at(self) -> datetime | None:
        """Return when the key leaves the published set, once that is known."""
        if self.revoked_at is not None:
            return self.revoked_at
        return None if self.retired_at is None else self.retired_at + KEPT_PUBLISHED


def states(keys: list[KeyFacts], at: datetime) -> list[State]:
    """Return the state of each key at an instant; of those that might sign, the one that began last does."""
    due = [key for key in keys if _may_sign(key) and key.signs_from <= at]
    signing = max(due, key=lambda key: (key.signs_from, key.created_at), default=None)
    return [_state(key, signing, at) for key in keys]


def _may_sign(key: KeyFacts) -> bool:
    return key.revoked_at is None and key.retired_at is None


def _state(key: KeyFacts, signing: KeyFacts | None, at: datetime) -> State:
    if key.revoked_at is not None:
        return State.REVOKED
    if key.retired_at is not None:
        return State.RETIRED if at < key.retired_at + KEPT_PUBLISHED else State.DROPPED
    if key is signing:
        return State.SIGNING
    return State.PUBLISHED if key.signs_from > at else State.RETIRED
