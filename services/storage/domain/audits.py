"""Audits: every copy read again, for ever; what a reading says of a copy, and how much of a site it may take.

    verified_at          + half the period            + the period
        │  left alone         │  due, the oldest first     │  late: somebody must act
        └─────────────────────┴────────────────────────────┘

Half of each period is kept free, so that a site that was away for weeks is still read in time.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.checksums import Measure


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
class Examined:
    """A copy that was read again at a moment, in so many seconds.

    `overlaid`: another version, or a marker, lies above ours, which is good all the same. `renewed`: it stays locked
    for the whole retention from now on, where its site locks.
    """

    due: Due
    verdict: Verdict
    found: Measure | None
    at: datetime
    seconds: float
    overlaid: bool = False
    renewed: bool = True


def judge(expected: Measure, found: Measure | None) -> Verdict:
    """Judge a copy by all that its site gave back (None: nothing). Other bytes of the same size are a mismatch."""
    if found is None:
        return Verdict.MISSING
    if found == expected:
        return Verdict.WHOLE
    return Verdict.CUT if found.size < expected.size else Verdict.MISMATCH


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
