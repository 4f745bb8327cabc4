"""Identifiers of ours: UUID version 7 (RFC 9562), so that they sort by time of birth."""

from uuid import UUID

from uuid6 import uuid7


def new_id() -> UUID:
    """Return a fresh identifier; later ones sort after earlier ones."""
    return UUID(int=uuid7().int)


def born_at(identifier: UUID) -> float:
    """Return when an identifier of ours was made, in Unix time, as it says itself to the millisecond."""
    return (identifier.int >> 80) / 1000
