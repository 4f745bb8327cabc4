"""Work that is asked for, work in our hands, and whose hands: what a transaction and the work table both know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID


class Lane(StrEnum):
    """Which hands do a piece of work: small work never waits behind large work, nor large behind small.

    Nor either behind what nobody waits for, however much of it there is: that has hands of its own too.
    """

    USUAL = "usual"
    LARGE = "large"
    BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of work to ask for, at once or not before a moment; `cause` is the message that asks for it.

    `owner` is whose it is, an establishment as a rule: hands are shared out among owners. Empty: nobody's.
    """

    key: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    cause: UUID | None = None
    not_before: datetime | None = None
    owner: str = ""
    lane: Lane = Lane.USUAL


@dataclass(frozen=True, slots=True)
class Lease:
    """One piece of work in our hands; key, payload and cause are those it was asked for with.

    Whoever held it before may have left word in its payload (`shared.messaging.work.note`).

    `trace` is the span in which it was asked for, as a ``traceparent``.
    """

    id: int
    kind: str
    key: str
    epoch: int
    attempts: int
    payload: Mapping[str, Any]
    cause: UUID | None
    trace: str | None = None
    owner: str = ""
    lane: Lane = Lane.USUAL


class Hands(Protocol):
    """Whoever does a kind of work in this very process, and may have it the moment it is committed."""

    @property
    def lease_seconds(self) -> float:
        """How long a lease lasts unless renewed."""
        ...

    def look(self) -> None:
        """Look for work that was left for whoever comes."""
        ...

    def reserve(self, most: int) -> int:
        """Keep up to `most` hands free; return how many. Each is then given work, or released."""
        ...

    def release(self, count: int) -> None:
        """Give back reserved hands for which there was no work."""
        ...

    def give(self, held: Lease) -> None:
        """Put leased work in a reserved hand."""
        ...
