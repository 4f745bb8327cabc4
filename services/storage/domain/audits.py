"""Audits: every copy read again, for ever; what a reading says of a copy, and how much of a site it may take.

    verified_at          + half the period            + the period
        │  left alone         │  due, the oldest first     │  late: somebody must act
        └─────────────────────┴────────────────────────────┘

Half of each period is kept free, so that a site that was away for weeks is still read in time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.storage.domain.copies import Fault, fault_of
from shared.checksums import Measure

MOST_LOST = 100
"""Copies that a stint, a comparison or a sample finds lost before it goes on slowly: the site itself is sick then."""

SLOW_SECONDS = 60.0
"""How long it lets a site alone that has lost so many."""

AGAIN = timedelta(days=1)
"""When a copy that could not be read is tried again at the latest, however much is due behind it."""


class Verdict(StrEnum):
    """What came of reading one copy.

    `UNKNOWN` is neither good nor bad: nobody could read it. `OVERTAKEN` is no judgement either: what was not found
    whole was written again, lost or purged by somebody else while it was read.
    """

    WHOLE = "whole"
    MISMATCH = "mismatch"
    CUT = "cut"
    MISSING = "missing"
    UNKNOWN = "unknown"
    OVERTAKEN = "overtaken"

    @property
    def is_loss(self) -> bool:
        """Say whether the site gave back something else than was written, or nothing."""
        return self in {Verdict.MISMATCH, Verdict.CUT, Verdict.MISSING}


@dataclass(frozen=True, slots=True)
class Due:
    """A verified copy that is to be read again, as the copy map knew it when it was chosen."""

    holding: UUID
    version: int
    kind: str
    establishment: UUID | None
    site: str
    key: str
    version_id: str | None
    expected: Measure
    written_at: datetime
    verified_at: datetime


@dataclass(frozen=True, slots=True)
class Bookmark:
    """The last copy of a walk that could not be read: the walk goes on behind it, whoever takes it up.

    `left_at` is when the walk left its first such copy behind.
    """

    verified_at: datetime
    holding: UUID
    version: int
    left_at: datetime

    @classmethod
    def at(cls, due: Due, left_at: datetime) -> "Bookmark":
        """Return the place behind a copy."""
        return cls(due.verified_at, due.holding, due.version, left_at)

    @classmethod
    def read(cls, word: Mapping[str, Any] | None, now: datetime) -> "Bookmark | None":
        """Read what `word` said; None where nothing was said, or the walk has left a copy behind for too long."""
        if word is None:
            return None
        found = cls(
            datetime.fromisoformat(word["verified_at"]),
            UUID(word["holding"]),
            word["version"],
            datetime.fromisoformat(word["left_at"]),
        )
        return found if now - found.left_at < AGAIN else None

    @property
    def word(self) -> dict[str, Any]:
        """Return it as it is left in a work's payload."""
        return {
            "verified_at": self.verified_at.isoformat(),
            "holding": str(self.holding),
            "version": self.version,
            "left_at": self.left_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Examined:
    """A copy that was read again at a moment, in so many seconds.

    `overlaid`: another version, or a marker, lies above ours, which is good all the same; None where nobody could
    see. `renewed`: it stays locked for the whole retention from now on, where its site locks and it is to be kept.
    """

    due: Due
    verdict: Verdict
    found: Measure | None
    at: datetime
    seconds: float
    overlaid: bool | None = None
    renewed: bool = True

    @property
    def is_settled(self) -> bool:
        """Say whether nothing is to be done about the copy: it is whole, and stays locked, with nothing above it."""
        return self.verdict is Verdict.WHOLE and self.renewed and not self.overlaid


def judge(expected: Measure, found: Measure | None) -> Verdict:
    """Judge a copy by all that its site gave back (None: nothing)."""
    return Verdict.WHOLE if found == expected else _OF_FAULT[fault_of(expected, found)]


_OF_FAULT = {Fault.MISSING: Verdict.MISSING, Fault.CUT: Verdict.CUT, Fault.MISMATCH: Verdict.MISMATCH}


class Pace:
    """Keeps a hand's reading to a share of its time: what it owes in rest after what it has read, in seconds.

    Rests of a few milliseconds would cost more than they give: they add up until they are worth it.
    """

    def __init__(self, share: float, least: float = 0.05) -> None:
        self._times = (1 - share) / share
        self._least = least
        self._owed = 0.0

    def read(self, seconds: float) -> float:
        """Take note of so much reading; return how long to rest now."""
        self._owed += seconds * self._times
        return self._owed if self._owed >= self._least else 0.0

    def rested(self) -> None:
        """Begin anew: what was owed has been rested, or will be."""
        self._owed = 0.0
