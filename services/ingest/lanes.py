"""Small and large deposits in lanes of their own, so that neither waits for the other; owners take turns in each.

A deposit's size tells its lane. What looked small and turns out heavy (a short manifest that costs minutes) is begun
anew among the large: it has cost its own lane `PATIENCE_SECONDS`, once.
"""

from uuid import UUID

from services.ingest.queries import Transfer
from shared.messages.ingest import SipReceivedV1
from shared.messaging.lease import Lane, Piece

LARGE_FROM = 16 * 1024**2
"""Bytes of a SIP from which it is large: its checks are a matter of seconds then, no longer of tenths."""

PATIENCE_SECONDS = 30.0
"""How long a child may be at one step of a small deposit."""


def lane_of(size: int) -> Lane:
    """Return the lane of a SIP of so many bytes."""
    return Lane.LARGE if size >= LARGE_FROM else Lane.USUAL


def received(message: SipReceivedV1) -> Piece:
    """Return the work on a SIP that has just come in."""
    return piece(message.transfer_id, message.establishment, message.size, message.message_id)


def further(transfer: Transfer, cause: UUID | None = None) -> Piece:
    """Return further work on a transfer."""
    return piece(transfer.id, transfer.establishment, transfer.size, cause)


def piece(key: UUID, establishment: UUID, size: int, cause: UUID | None = None) -> Piece:
    """Return work on something of an establishment, of so many bytes."""
    return Piece(str(key), cause=cause, owner=str(establishment), lane=lane_of(size))
