"""A transfer's life, as one small state machine.

received ─► checking ─┬────────────────────► storing ─► cataloguing ─► recording ─► accepted
                      ├─► awaiting_decision ─┤
                      └──────────────────────┴─► rejected
A dry run goes from checking to judged, whatever was found.
"""

from enum import StrEnum


class TransferState(StrEnum):
    """Where a transfer stands; `accepted`, `rejected` and, of a dry run, `judged` are final."""

    RECEIVED = "received"
    CHECKING = "checking"
    AWAITING_DECISION = "awaiting_decision"
    STORING = "storing"
    CATALOGUING = "cataloguing"
    RECORDING = "recording"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    JUDGED = "judged"


_S = TransferState

NEXT: dict[TransferState, frozenset[TransferState]] = {
    _S.RECEIVED: frozenset({_S.CHECKING}),
    _S.CHECKING: frozenset({_S.AWAITING_DECISION, _S.STORING, _S.REJECTED, _S.JUDGED}),
    _S.AWAITING_DECISION: frozenset({_S.STORING, _S.REJECTED}),
    _S.STORING: frozenset({_S.CATALOGUING}),
    _S.CATALOGUING: frozenset({_S.RECORDING}),
    _S.RECORDING: frozenset({_S.ACCEPTED}),
    _S.ACCEPTED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.JUDGED: frozenset(),
}

_ORDER = tuple(_S)


class IllegalStep(Exception):
    """A transfer was told to go where its life does not lead: a bug of ours."""


def has_passed(state: TransferState, other: TransferState) -> bool:
    """Say whether a transfer in `state` has left `other` behind: such news is old and changes nothing."""
    return _ORDER.index(state) > _ORDER.index(other)


def check_step(state: TransferState, following: TransferState) -> None:
    """Raise `IllegalStep` unless `following` may come right after `state`."""
    if following not in NEXT[state]:
        raise IllegalStep(f"{state} → {following}")
