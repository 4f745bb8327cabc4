"""The life of one copy: one object, on one site.

                written            read back whole
    TO_WRITE ─────────────▶ WRITTEN ─────────────▶ VERIFIED ◀─┐
                              │ ▲                     │   │   │ read back whole (audit)
            other bytes, gone │ │ written again       │   └───┘
                              ▼ │                     │
                             LOST ◀───────────────────┘
                                     other bytes, gone

    any of them but PURGED ──▶ RETIRED, with its site: the bytes lie where they lay, and count no more

A copy counts only when VERIFIED, and never on the word of whoever wrote it. An object is stored when every
site of the policy has a copy that counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.checksums import Measure
from shared.object_store.port import Receipt


class CopyState(StrEnum):
    """Where a copy stands in its life."""

    TO_WRITE = "to_write"
    WRITTEN = "written"
    VERIFIED = "verified"
    LOST = "lost"
    PURGED = "purged"
    RETIRED = "retired"


class Fault(StrEnum):
    """What is wrong with what a site gave back."""

    MISSING = "missing"
    CUT = "cut"
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy, with what it must be (`expected`) and what is known of it.

    `version_id` is the site's own (None on a folder); `written_by` is the task that wrote it; `verified_at`
    is the last time that it was read back whole; `lost_at` since when it is known to be lost, until it is whole
    again.
    """

    site: str
    key: str
    expected: Measure
    state: CopyState = CopyState.TO_WRITE
    version_id: str | None = None
    written_by: UUID | None = None
    written_at: datetime | None = None
    verified_at: datetime | None = None
    lost_at: datetime | None = None


class ImpossibleStepError(Exception):
    """A copy was asked to do what its state does not allow: an error of ours, never of the world."""


def written(copy: Copy, receipt: Receipt, by: UUID, at: datetime) -> Copy:
    """Note what the site answered; the copy must still be read back before it counts.

    After a loss the same key may hold another version, which is why the receipt's version replaces ours.
    """
    _require(copy, "be written", CopyState.TO_WRITE, CopyState.LOST)
    if receipt.key != copy.key or receipt.size != copy.expected.size:
        raise ImpossibleStepError(f"{copy.site}: this receipt is of another object than {copy.key}")
    return replace(
        copy,
        state=CopyState.WRITTEN,
        version_id=receipt.version_id,
        written_by=by,
        written_at=at,
        verified_at=None,
    )


def read_back(copy: Copy, found: Measure | None, by: UUID, at: datetime) -> Copy:
    """Judge a copy by what its site gave back (None: nothing); its writer may not be the judge."""
    _require(copy, "be read back", CopyState.WRITTEN, CopyState.VERIFIED)
    if by == copy.written_by:
        raise ImpossibleStepError(f"{copy.site}: {copy.key} cannot be verified by the task that wrote it")
    if found == copy.expected:
        return replace(copy, state=CopyState.VERIFIED, verified_at=at)
    return replace(copy, state=CopyState.LOST, lost_at=copy.lost_at or at)


def fault_of(expected: Measure, found: Measure | None) -> Fault:
    """Say what is wrong with a copy that was lost, by what its site gave back (None: nothing)."""
    if found is None:
        return Fault.MISSING
    return Fault.CUT if found.size < expected.size else Fault.MISMATCH


def is_stored(copies: Iterable[Copy], sites: Iterable[str]) -> bool:
    """Say whether every one of these sites has a copy that counts."""
    good = {copy.site for copy in copies if copy.state is CopyState.VERIFIED}
    wanted = set(sites)
    return bool(wanted) and wanted <= good


def may_be_good(copies: Iterable[Copy]) -> bool:
    """Say whether any copy counts, or may once it is read back: until none does, nothing is beyond repair."""
    return any(copy.state in (CopyState.VERIFIED, CopyState.WRITTEN) for copy in copies)


def is_unproven(copy: Copy) -> bool:
    """Say whether a copy was written, and nobody has read it back since."""
    return copy.state is CopyState.WRITTEN


def is_same_writing(copy: Copy, other: Copy) -> bool:
    """Say whether both speak of the same bytes on the site, and not of those that another task wrote since."""
    return (copy.site, copy.version_id, copy.written_by) == (other.site, other.version_id, other.written_by)


def _require(copy: Copy, step: str, *states: CopyState) -> None:
    if copy.state not in states:
        raise ImpossibleStepError(f"{copy.site}: {copy.key} is {copy.state} and cannot {step}")
