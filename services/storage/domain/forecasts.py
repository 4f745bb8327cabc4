"""What is to be foreseen of the audit of one site: when it catches up, and whether every copy is read in time.

by day of last reading:   ▓▓▓ late │ ▒▒▒ due │ ░░░ left alone for now
──── read in this order, at the speed measured ────▶
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Age:
    """Copies of a site that were last read on one day (UTC), the first of them at `oldest`; `bytes` of them all."""

    oldest: datetime
    copies: int
    bytes: int
    due: int
    late: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the audit of a site is. Moments are None where nothing is to come, or no speed is known yet.

    `caught_up_at`: when all that is due will have been read. `missed_from`: since when, or from when on, a copy was,
    or will be, longer than the period without having been read; None where none is.
    """

    copies: int
    bytes: int
    within: int
    due: int
    due_bytes: int
    late: int
    oldest: datetime | None
    bytes_per_second: float | None
    caught_up_at: datetime | None
    missed_from: datetime | None


def progress(ages: Sequence[Age], period: timedelta, speed: float | None, now: datetime) -> Progress:
    """Sum the days of a site up, the oldest first, and walk through them at `speed` (bytes a second)."""
    due_bytes = sum(_due_bytes(age) for age in ages)
    copies, late = sum(age.copies for age in ages), sum(age.late for age in ages)
    return Progress(
        copies=copies,
        bytes=sum(age.bytes for age in ages),
        within=copies - late,
        due=sum(age.due for age in ages),
        due_bytes=due_bytes,
        late=late,
        oldest=ages[0].oldest if ages else None,
        bytes_per_second=speed,
        caught_up_at=now + timedelta(seconds=due_bytes / speed) if due_bytes and speed else None,
        missed_from=_missed_from(ages, period, speed, now),
    )


def _due_bytes(age: Age) -> int:
    # Of the one day that is due in part, its part of the bytes.
    return age.bytes * age.due // age.copies if age.copies else 0


def _missed_from(ages: Sequence[Age], period: timedelta, speed: float | None, now: datetime) -> datetime | None:
    if ages and ages[0].late:
        return ages[0].oldest + period
    if not speed:
        return None
    done = now
    for age in ages:
        # Nothing is read before it is due.
        begun = max(done, age.oldest + period / 2)
        done = begun + timedelta(seconds=age.bytes / speed)
        # A day's copies come due as they were read, one after the other: its last one has a day more.
        if done > age.oldest + period + _A_DAY:
            return age.oldest + period
    return None


_A_DAY = timedelta(days=1)
