"""What was purged from every site is forgotten here: bytes in staging, and whatever describes them in our rows.

Of an AIP that went whole the transfer stays, accepted, as the trace of a deposit: who deposited what size and digest
when, and by which order it was eliminated. Header, findings, names of files and the reply go, for they tell what was
in it. The same bytes, and the same MessageIdentifier, may be deposited anew.

Of an AIP that went in part the header stays, and with it the acknowledgement: they speak of the deposit, most of
which is still there. The reply is written anew without what went; a finding stays where it is certainly about
something that is left.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Boolean, Select, Text, delete, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.domain.remaining import remaining
from services.ingest.domain.transfer import TransferState
from services.ingest.handlers import SWEEP, line, locked, staged_keys
from services.ingest.queries import Transfer, find_agreements, find_transfers
from services.ingest.reducing import Remains, reduced_key, write_reduced
from services.ingest.replies import vocabulary_of, whole_key
from services.ingest.tables import transfer, upload
from shared.faults import fault_point
from shared.messages.storage import PurgeNews
from shared.messaging.lease import Piece
from shared.messaging.outcome import Rejected, TryAgain
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue
from shared.object_store.port import ObjectStore

LISTS_ALL: Final[Mapping[str, object]] = dict.fromkeys(("plan", "inventory", "reason", "reason_salt", "reply_key"))
"""Columns of a transfer that may tell of any of its units, and what is left of them."""

FORGOTTEN: Final[Mapping[str, object]] = {**LISTS_ALL, "header": None, "filename": None, "findings": []}
"""Columns of a transfer that tell what was in it."""

ENDED: Final = frozenset({TransferState.ACCEPTED, TransferState.REJECTED, TransferState.JUDGED})


async def forget_transfers(staging: ObjectStore | None, tx: Transaction, messages: Sequence[PurgeNews]) -> None:
    """Forget what transfers held. Raises `Rejected` for a stranger.

    Without `staging` no reply is written anew: it goes. Raises `TryAgain` for one that is not accepted yet, while
    another of the same bytes is still being judged, or staging is away.
    """
    for message in messages:
        deposit = (await locked(tx, [message.transfer_id]))[message.transfer_id]
        if (deposit.aip_id, deposit.establishment) != (message.aip_id, message.establishment):
            raise Rejected(f"transfer {deposit.id} is not that of AIP {message.aip_id}")
        if deposit.state is not TransferState.ACCEPTED:
            raise TryAgain(f"transfer {deposit.id} is not accepted yet")
        if deposit.purged_by is None and deposit.forgotten_by != message.order_id:
            await _forget(staging, tx, deposit, message)


async def _forget(staging: ObjectStore | None, tx: Transaction, deposit: Transfer, message: PurgeNews) -> None:
    alike = await _alike(tx.connection, deposit)
    if waited := [one for one in alike if one.state not in ENDED]:
        raise TryAgain(f"transfer {waited[0].id}, of the same bytes, is still being judged")
    left = [] if message.version is None else await _left(staging, tx.connection, deposit, alike, message)
    keys = _swept(alike, left, message.order_id)
    # Apart from the sweep that every transfer ends with, which may still be waiting.
    await enqueue(tx, SWEEP, Piece(f"{deposit.id}/{message.order_id}", {"keys": keys}, message.message_id))
    fault_point("ingest.forget.swept")
    if message.version is None:
        await _blank(tx.connection, [one.id for one in alike], message.order_id)
        gone = update(transfer).where(transfer.c.id == deposit.id)
        await tx.connection.execute(gone.values(purged_by=message.order_id))
    else:
        await _blank_some(tx.connection, left, message.order_id)
    fault_point("ingest.forget.blanked")
    details: dict[str, str | int] = {"order": str(message.order_id), "transfers": len(alike)}
    told = line(deposit, "aip.forgotten", "room:ingest", details)
    tx.journal(told.model_copy(update={"object": f"aip:{message.aip_id}"}))


def _swept(alike: Sequence[Transfer], left: Sequence[Transfer], order: UUID) -> list[str]:
    """Return what staging may hold that goes.

    Replies by the names they are given too: a database that came back from before does not know which there are.
    """
    kept = {one.reply_key for one in left}
    named = (
        key
        for one in alike
        for key in (*staged_keys(one), one.reply_key, whole_key(one.id), reduced_key(one.id, order))
    )
    return [key for key in dict.fromkeys(named) if key is not None and key not in kept]


async def _alike(connection: AsyncConnection, deposit: Transfer) -> list[Transfer]:
    """Return a transfer and those that came to nothing: of the same bytes, or of the same message in other bytes."""
    ids: set[UUID] = {deposit.id}
    ids.update((await connection.scalars(of_bytes(deposit))).all())
    if deposit.message_identifier is not None:
        ids.update((await connection.scalars(of_message(deposit))).all())
    return list((await find_transfers(connection, ids)).values())


def of_bytes(deposit: Transfer) -> Select[Any]:
    """Select the transfers of the bytes of a deposit that were not accepted, or not yet."""
    return select(transfer.c.id).where(
        transfer.c.establishment == deposit.establishment,
        transfer.c.sha512 == deposit.sha512,
        transfer.c.state != TransferState.ACCEPTED,
    )


def of_message(deposit: Transfer) -> Select[Any]:
    """Select the transfers that were refused, or tried, under the name of a deposit: its agency and its message."""
    # The words of the index `ix_transfer_message_over`: only what is said alike can be answered from it.
    message = literal_column("header->>'message_identifier'", Text)
    begins = literal_column("left(header->>'message_identifier', 200)", Text)
    agency = literal_column("header->>'transferring_agency'", Text)
    return select(transfer.c.id).where(
        transfer.c.establishment == deposit.establishment,
        begins == (deposit.message_identifier or "")[:200],
        message == deposit.message_identifier,
        agency == deposit.transferring_agency,
        literal_column("state IN ('rejected', 'judged')", Boolean),
    )


async def _blank(connection: AsyncConnection, ids: Sequence[UUID], order: UUID) -> None:
    await _drop_trials(connection, ids)
    await connection.execute(
        update(transfer).where(transfer.c.id.in_(ids)).values(**FORGOTTEN, forgotten_by=order),
    )
    told = update(upload).where(upload.c.transfer.in_(ids))
    await connection.execute(told.values(filename=None, metadata="", problem=None))


async def _left(
    staging: ObjectStore | None,
    connection: AsyncConnection,
    deposit: Transfer,
    alike: Sequence[Transfer],
    message: PurgeNews,
) -> list[Transfer]:
    """Return transfers as they are kept: findings, and the key of a reply, without what may tell of what went."""
    remains = Remains.after(message)

    def is_left(one: Transfer) -> Callable[[str], bool]:
        # The identifiers of another message may be names of what went, and nobody knows what they stand for.
        return lambda xml_id: one.sha512 == deposit.sha512 and remains.has("unit", xml_id)

    left = [replace(one, findings=[remaining(each, is_left(one)) for each in one.findings]) for one in alike]
    if staging is None:
        return [replace(one, reply_key=None) for one in left]
    agreements = await find_agreements(connection, [str(one.agreement) for one in left])
    keys = [
        await write_reduced(staging, one, vocabulary_of(agreement), message)
        for one, agreement in zip(left, agreements, strict=True)
    ]
    return [replace(one, reply_key=key) for one, key in zip(left, keys, strict=True)]


async def _blank_some(connection: AsyncConnection, left: Sequence[Transfer], order: UUID) -> None:
    """Blank what may tell of the units that went."""
    ids = [one.id for one in left]
    await _drop_trials(connection, ids)
    for one in left:
        values: dict[str, Any] = {**LISTS_ALL, "forgotten_by": order}
        values |= {"findings": one.findings, "reply_key": one.reply_key}
        await connection.execute(update(transfer).where(transfer.c.id == one.id).values(values))
    told = update(upload).where(upload.c.transfer.in_(ids))
    await connection.execute(told.values(problem=None))


async def _drop_trials(connection: AsyncConnection, ids: Sequence[UUID]) -> None:
    await connection.execute(delete(transfer).where(transfer.c.id.in_(ids), transfer.c.dry_run))
