"""What data management does when an AIP is stored: note it, for a worker to load its catalogue."""

from collections.abc import Sequence

from services.data_management.reading import BATCH_BYTES
from shared.messages.storage import AipStoredV1
from shared.messaging.lease import Lane, Piece
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue

CATALOGUE = "catalogue"


async def take_aips(tx: Transaction, messages: Sequence[AipStoredV1]) -> None:
    """Ask for AIPs to be catalogued; the same version asked twice is one piece of work."""
    await enqueue(tx, CATALOGUE, *map(_loading, messages))


def _loading(message: AipStoredV1) -> Piece:
    return Piece(
        f"{message.aip_id}/{message.version}",
        message.model_dump(mode="json"),
        message.message_id,
        owner=str(message.establishment),
        lane=Lane.LARGE if message.catalogue.length > BATCH_BYTES else Lane.USUAL,
    )
