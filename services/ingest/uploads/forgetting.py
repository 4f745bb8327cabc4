"""Pieces of uploads that are over leave staging, gently; uploads that rest for too long are over.

Nothing here is in the way of a request: what ends an upload leaves work, and the rest is done now and then.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from services.ingest import queries as transfers
from services.ingest.domain.upload import UploadState
from services.ingest.parts import Ingest
from services.ingest.refusals import refusal_line
from services.ingest.uploads import queries
from services.ingest.uploads.queries import FOLDER, Upload, piece_key
from services.ingest.uploads.refusals import gone
from shared.clock import now
from shared.messaging.housekeeping import BATCH
from shared.messaging.lease import Lease, Piece
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue, finish
from shared.object_store.port import ObjectStore

FORGET_PIECES = "forget_pieces"
"""Remove from staging the pieces of an upload that is over."""

FEW = 100
"""Pieces whose rows go together."""

AT_A_TIME = 4
"""Objects that are being removed at one moment."""

ORPHANED_AFTER = timedelta(days=1)
"""From a durable piece to its row it is milliseconds."""

LISTED = 10_000
"""Objects that one look for orphans considers: those of uploads under way are among them, and go in the end."""


async def terminate(ingest: Ingest, upload: Upload) -> bool:
    """End an upload at its depositor's wish, and have its pieces go; False while it is being entered.

    Bytes that came and are thrown away are journaled, as where an upload expires.
    """
    async with ingest.database.begin() as tx:
        ended = await queries.end(tx.connection, upload.id, UploadState.TERMINATED)
        if ended is not None:
            if upload.state is UploadState.RECEIVING:
                (agreement,) = await transfers.find_agreements(tx.connection, [str(ended.agreement)])
                tx.journal(refusal_line(ended.depositor, gone(UploadState.TERMINATED).code, agreement))
            await leave_pieces(tx, [ended])
            return True
        # Two who end it at one moment have both ended it.
        now_it = await queries.find(tx.connection, upload.id)
    return now_it is None or now_it.state is UploadState.TERMINATED


async def leave_pieces(tx: Transaction, over: Sequence[Upload]) -> None:
    """Have the pieces of uploads that are over removed."""
    await enqueue(tx, FORGET_PIECES, *(Piece(str(one.id)) for one in over))


async def forget_pieces(ingest: Ingest, held: Lease) -> None:
    """Remove the pieces of an upload, a few at a time; begun again after a crash, it goes on with what is left."""
    few = asyncio.Semaphore(AT_A_TIME)

    async def remove(key: str) -> None:
        async with few:
            await ingest.staging.delete(key)

    while True:
        async with ingest.database.reading() as connection:
            found = await queries.pieces(connection, UUID(held.key), FEW)
        if not found:
            break
        async with asyncio.TaskGroup() as removing:
            for piece in found:
                removing.create_task(remove(piece.key))
        async with ingest.database.reading() as connection:
            await queries.forget_pieces(connection, found)
    async with ingest.database.begin() as tx:
        await finish(tx, held)


async def expire(database: RoomDatabase, *, at_once: int = BATCH) -> int:
    """End the uploads that have rested for too long, have their pieces go, and journal each; return how many."""
    expired = 0
    while True:
        async with database.begin() as tx:
            over = await queries.expire(tx.connection, at_once)
            agreements = await transfers.find_agreements(tx.connection, [str(one.agreement) for one in over])
            for one, agreement in zip(over, agreements, strict=True):
                tx.journal(refusal_line(one.depositor, gone(UploadState.EXPIRED).code, agreement))
            await leave_pieces(tx, over)
        expired += len(over)
        if len(over) < at_once:
            return expired


async def forget_uploads(kept: timedelta, database: RoomDatabase, *, at_once: int = BATCH) -> int:
    """Forget uploads that have been over for that long, a batch at a time; return how many there were."""
    removed = 0
    while True:
        async with database.reading() as connection:
            count = await queries.forget_old(connection, kept, at_once)
        removed += count
        if count < at_once:
            return removed


async def forget_orphan_pieces(staging: ObjectStore, database: RoomDatabase) -> int:
    """Remove from staging the old pieces that no row names: their request died in between; return how many."""
    old: set[UUID] = set()
    for key in await staging.left_behind(FOLDER, now() - ORPHANED_AFTER, LISTED):
        with suppress(ValueError):
            old.add(UUID(key.rpartition("/")[2]))
    if not old:
        return 0
    async with database.reading() as connection:
        orphans = old - await queries.known_pieces(connection, list(old))
    for one in orphans:
        await staging.delete(piece_key(one))
    return len(orphans)
