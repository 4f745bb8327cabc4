"""The life of one copy: one object, on one site.

                written            read back whole
    TO_WRITE ─────────────▶ WRITTEN ─────────────▶ VERIFIED ◀─┐
                              │ ▲                     │   │   │ read back whole (audit)
            other bytes, gone │ │ written again       │   └───┘
                              ▼ │                     │
                             LOST ◀───────────────────┘
                                     other bytes, gone

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


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy, with what it must be (`expected`) and what is known of it.

    `version_id` is the site's own (None on a folder); `written_by` is the task that wrote it; `verified_at`
    is the last time that it was read back whole.
    """

    site: str
    key: str
    expected: Measure
    state: CopyState = CopyState.TO_WRITE
    version_id: str | None = None
    written_by: UUID | None = None
    written_at: datetime | None = None
    verified_at: datetime | None = None


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
    return replace(copy, state=CopyState.LOST)


def is_stored(copies: Iterable[Copy], sites: Iterable[str]) -> bool:
    """Say whether every one of these sites has a copy that counts."""
    good = {copy.site for copy in copies if copy.state is CopyState.VERIFIED}
    wanted = set(sites)
    return bool(wanted) and wanted <= good


def _require(copy: Copy, step: str, *states: CopyState) -> None:
    if copy.state not in states:
        raise ImpossibleStepError(f"{copy.site}: {copy.key} is {copy.state} and cannot {step}")
