"""An upload's life, as one small state machine, and how its bytes are cut.

receiving ─┬─► assembling ─┬─► completed
           │               └─► refused
           ├─► expired
           └─► terminated
"""

from enum import StrEnum
from typing import Final

_MIB: Final = 1024**2

LEAST_PIECE: Final = 64 * _MIB
"""Bytes after which what has come is made durable, although its request goes on: no crash costs more."""

MOST_PIECES: Final = 10_000
"""Pieces after which no further request is taken: whoever sends so few bytes at a time sends too many requests."""

STALL_SECONDS: Final = 10.0
"""How long nothing may come of a request: a line that died without a word must not keep its client from going on."""

MOST_OPEN: Final = 250
"""Uploads of one client that are not over: with the most requests of each, a bound of its objects in staging."""


class UploadState(StrEnum):
    """Where an upload stands: bytes come, all have come, they are a transfer; or it came to nothing."""

    RECEIVING = "receiving"
    ASSEMBLING = "assembling"
    COMPLETED = "completed"
    REFUSED = "refused"
    EXPIRED = "expired"
    TERMINATED = "terminated"


_S = UploadState

NEXT: Final[dict[UploadState, frozenset[UploadState]]] = {
    _S.RECEIVING: frozenset({_S.ASSEMBLING, _S.EXPIRED, _S.TERMINATED}),
    _S.ASSEMBLING: frozenset({_S.COMPLETED, _S.REFUSED}),
    # What is over may be put out of sight; the transfer that came of it stays what it is.
    _S.COMPLETED: frozenset({_S.TERMINATED}),
    _S.REFUSED: frozenset({_S.TERMINATED}),
    _S.EXPIRED: frozenset({_S.TERMINATED}),
    _S.TERMINATED: frozenset(),
}

GONE: Final = frozenset({_S.REFUSED, _S.EXPIRED, _S.TERMINATED})
"""States in which an upload neither takes bytes nor will ever be a transfer."""


def origins(following: UploadState) -> list[UploadState]:
    """Return the states from which an upload may come to `following`."""
    return [state for state, onward in NEXT.items() if following in onward]


def piece_size(length: int) -> int:
    """Return after how many bytes a piece ends, of an upload of `length`.

    One request never makes too many, nor do requests a little longer than a piece, which make two each.
    """
    return max(LEAST_PIECE, -(-2 * length // MOST_PIECES))
