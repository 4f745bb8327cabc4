"""What was purged from every site is forgotten here: bytes in staging, and whatever describes them in our rows.

The transfer stays, accepted, as the trace of a deposit: who deposited what size and digest when, and by which order
it was eliminated. Header, findings, names of files and the reply go, for they tell what was in it. The same bytes,
and the same MessageIdentifier, may be deposited anew.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.domain.transfer import TransferState
from services.ingest.handlers import SWEEP, line, locked, staged_keys
from services.ingest.queries import Transfer, find_transfers
from services.ingest.tables import transfer, upload
from shared.messages.storage import PurgeNews
from shared.messaging.lease import Piece
from shared.messaging.outcome import Rejected, TryAgain
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue

FORGOTTEN: Mapping[str, object] = {
    "header": None,
    "filename": None,
    "findings": [],
    "plan": None,
    "inventory": None,
    "reason": None,
    "reply_key": None,
}
"""Columns of a transfer that tell what was in it, and what is left of them."""


async def forget_transfers(tx: Transaction, messages: Sequence[PurgeNews]) -> None:
    """Forget what transfers held. Raises `TryAgain` for one that is not accepted yet, `Rejected` for a stranger."""
    for message in messages:
        deposit = (await locked(tx, [message.transfer_id]))[message.transfer_id]
        if (deposit.aip_id, deposit.establishment) != (message.aip_id, message.establishment):
            raise Rejected(f"transfer {deposit.id} is not that of AIP {message.aip_id}")
        if deposit.state is not TransferState.ACCEPTED:
            raise TryAgain(f"transfer {deposit.id} is not accepted yet")
        if deposit.purged_by is None:
            await _forget(tx, deposit, message)


async def _forget(tx: Transaction, deposit: Transfer, message: PurgeNews) -> None:
    alike = await _alike(tx.connection, deposit)
    keys = [key for one in alike for key in (*staged_keys(one), one.reply_key) if key is not None]
    # Apart from the sweep that every transfer ends with, which may still be waiting.
    await enqueue(tx, SWEEP, Piece(f"{deposit.id}/{message.order_id}", {"keys": keys}, message.message_id))
    await _blank(tx.connection, [one.id for one in alike])
    if message.version is None:
        gone = update(transfer).where(transfer.c.id == deposit.id)
        await tx.connection.execute(gone.values(purged_by=message.order_id))
    details: dict[str, str | int] = {"order": str(message.order_id), "transfers": len(alike)}
    told = line(deposit, "aip.forgotten", "room:ingest", details)
    tx.journal(told.model_copy(update={"object": f"aip:{message.aip_id}"}))


async def _alike(connection: AsyncConnection, deposit: Transfer) -> list[Transfer]:
    """Return a transfer and those of the same bytes that came to nothing: refused, or tried beforehand."""
    same = and_(
        transfer.c.establishment == deposit.establishment,
        transfer.c.sha512 == deposit.sha512,
        transfer.c.state.in_((TransferState.REJECTED, TransferState.JUDGED)),
    )
    ids: Sequence[UUID] = (
        await connection.scalars(select(transfer.c.id).where(or_(transfer.c.id == deposit.id, same)))
    ).all()
    return list((await find_transfers(connection, ids)).values())


async def _blank(connection: AsyncConnection, ids: Sequence[UUID]) -> None:
    await connection.execute(delete(transfer).where(transfer.c.id.in_(ids), transfer.c.dry_run))
    await connection.execute(update(transfer).where(transfer.c.id.in_(ids)).values(FORGOTTEN))
    told = update(upload).where(upload.c.transfer.in_(ids))
    await connection.execute(told.values(filename=None, metadata="", problem=None))
