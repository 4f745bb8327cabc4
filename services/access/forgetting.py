"""What was purged from every site is given out no more: packages that may hold something of it are taken back."""

from collections.abc import Sequence

from services.access import queries
from services.access.handlers import ELIMINATED, EXPIRE, line
from shared.faults import fault_point
from shared.messages.storage import PurgeNews
from shared.messaging.lease import Piece
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue, hasten


async def forget_aips(tx: Transaction, messages: Sequence[PurgeNews]) -> None:
    """Take back every package that may hold something of these AIPs, and have its bytes removed at once."""
    for message in messages:
        if not await queries.note_purge(tx.connection, message):
            continue
        ended = await queries.withdraw(tx.connection, message.establishment, message.aip_id, ELIMINATED)
        fault_point("access.forget.withdrawn")
        for dip_id in ended:
            await enqueue(tx, EXPIRE, Piece(str(dip_id), cause=message.message_id))
            await hasten(tx, EXPIRE, str(dip_id))
        fault_point("access.forget.expired")
        details: dict[str, str | int] = {"order": str(message.order_id), "packages": len(ended)}
        subject = f"aip:{message.aip_id}"
        tx.journal(line("aip.forgotten", "room:access", subject, message.establishment, **details))
