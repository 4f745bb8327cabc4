"""Restore tests: an AIP is read back whole from one site, as if it were all that is left of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.storage.domain.packages import Package
from shared.checksums import Measure


class Outcome(StrEnum):
    """What came of a test; a site that does not answer has none: the test waits."""

    WHOLE = "whole"
    FAULTY = "faulty"
    """The bytes are those that were stored, and do not make a package that could be restored."""
    LOST = "lost"
    """The site gave other bytes than were stored, or none."""


@dataclass(frozen=True, slots=True)
class RestoreTest:
    """One test as it is kept. `members` and `bytes` are what METS names; `faults` are texts ``reason: member``.

    They stay when the AIP is purged: no file is called as its depositor called it.
    """

    id: UUID
    establishment: UUID
    aip: UUID
    version: int
    site: str
    outcome: Outcome
    members: int
    bytes: int
    faults: Sequence[str]
    tested_at: datetime


def judged(found: Package | None, expected: Measure) -> Outcome:
    """Judge what a site gave back (None: nothing)."""
    if found is None or found.measure != expected:
        return Outcome.LOST
    return Outcome.FAULTY if found.faults else Outcome.WHOLE
