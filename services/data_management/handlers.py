"""What data management does when an AIP is stored: note it, for a worker to load its catalogue."""

from collections.abc import Sequence

from shared.messages.storage import AipStoredV1
from shared.messaging.lease import Piece
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue

CATALOGUE = "catalogue"


async def take_aips(tx: Transaction, messages: Sequence[AipStoredV1]) -> None:
    """Ask for AIPs to be catalogued; the same version asked twice is one piece of work."""
    pieces = (
        Piece(f"{message.aip_id}/{message.version}", message.model_dump(mode="json"), message.message_id)
        for message in messages
    )
    await enqueue(tx, CATALOGUE, *pieces)
