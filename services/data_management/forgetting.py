"""What was purged from every site leaves the catalogue; the identifiers of its units stay, and say by which order."""

from collections.abc import Sequence

from services.data_management.queries import purges
from services.data_management.queries.scope import look_within
from shared.faults import fault_point
from shared.messages.journal import JournalLineV1
from shared.messages.storage import PurgeBegunV1, PurgeNews
from shared.messaging.lease import Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue, finish

FORGET = "forget"
"""Take out of the catalogue what an order purged; the key is the order."""


async def forget_aips(tx: Transaction, messages: Sequence[PurgeNews]) -> None:
    """Have a worker take out of the catalogue what was purged: an AIP may hold a hundred thousand units."""
    pieces = (
        Piece(str(one.order_id), one.model_dump(mode="json"), one.message_id, owner=str(one.establishment))
        for one in messages
    )
    await enqueue(tx, FORGET, *pieces)


async def forget(database: RoomDatabase, held: Lease) -> None:
    """Take out what an order purged. Raises `TryAgain` until the version that remains is catalogued."""
    message = PurgeBegunV1.model_validate(held.payload)
    async with database.begin() as tx:
        await look_within(tx.connection, [message.establishment])
        units = await _take_out(tx, message)
        fault_point("data_management.forget.taken")
        if units is not None:
            tx.journal(_line(message, units))
        await finish(tx, held)
    fault_point("data_management.forget.done")


async def _take_out(tx: Transaction, message: PurgeNews) -> int | None:
    """Take out what was purged and return how many units; None where that was done before."""
    if message.version is None:
        if not await purges.close_aip(tx.connection, message):
            return None
        return await purges.forget_aip(tx.connection, message)
    standing = await purges.version_of(tx.connection, message.aip_id)
    # Where all of it went since there is no version to wait for: a rebuild hears of both orders.
    if standing is None or (standing < message.version and not await purges.is_closed(tx.connection, message.aip_id)):
        raise TryAgain(f"version {message.version} of AIP {message.aip_id} is not catalogued yet")
    return await purges.note_units(tx.connection, message) or None


def _line(message: PurgeNews, units: int) -> JournalLineV1:
    return JournalLineV1(
        kind="archives",
        action="aip.forgotten",
        actor="room:data_management",
        object=f"aip:{message.aip_id}",
        establishment=message.establishment,
        transfer_id=message.transfer_id,
        details={"order": str(message.order_id), "units": units},
    )
