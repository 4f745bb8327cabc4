"""The pieces of an upload become one SIP in staging, and the SIP a transfer: exactly as if it had been posted.

Long work, under a lease: the last request of an upload waits for it a moment, and no longer.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Any
from uuid import UUID

from services.ingest.agreements import known_agreement, most_bytes, refuse_closed
from services.ingest.domain.upload import UploadState
from services.ingest.parts import Ingest
from services.ingest.queries import Transfer
from services.ingest.reception import Parcel, take_in, too_large
from services.ingest.refusals import refusal_line
from services.ingest.uploads import queries
from services.ingest.uploads.forgetting import leave_pieces
from services.ingest.uploads.queries import Upload, UploadPiece
from services.ingest.uploads.refusals import lost
from shared.clock import now
from shared.messages.admin import AgreementV1
from shared.messaging.lease import Lease
from shared.messaging.outcome import TryAgain
from shared.messaging.work import finish
from shared.object_store.errors import NoSuchObject
from shared.object_store.port import ObjectStore
from shared.problems import Problem

PATIENCE_SECONDS = 3.0
"""How long the last request waits for its transfer: enough for some hundred MiB, and no proxy gives up meanwhile."""

_FIRST_LOOK = 0.01
_LONGEST_SLEEP = 0.25


async def enter_upload(ingest: Ingest, held: Lease) -> None:
    """Enter an upload whose bytes are all there, or note why it is refused. Raises `TryAgain` for the time being."""
    async with ingest.database.reading() as connection:
        upload = await queries.find(connection, UUID(held.key))
    if upload is None or upload.state is not UploadState.ASSEMBLING:
        async with ingest.database.begin() as tx:
            await finish(tx, held)
        return
    agreement = await known_agreement(ingest, str(upload.agreement))
    if agreement is None:
        raise TryAgain(f"agreement {upload.agreement} is not known to admin")
    try:
        transfer = await _entered(ingest, upload, agreement)
    except Problem as refusal:
        if refusal.status >= 500 or refusal.code == "try_again":
            # Room that is missing, or the same bytes refused at this moment: later it may be otherwise.
            raise TryAgain(refusal.en) from refusal
        await _refuse(ingest, held, upload, agreement, refusal)
        return
    async with ingest.database.begin() as tx:
        await finish(tx, held)
        await queries.end(tx.connection, upload.id, UploadState.COMPLETED)
        await queries.note_outcome(tx.connection, upload.id, transfer.id, None)
        await leave_pieces(tx, [upload])


async def _entered(ingest: Ingest, upload: Upload, agreement: AgreementV1) -> Transfer:
    if upload.transfer is None:
        raise AssertionError(f"upload {upload.id} is to be entered under no identifier")
    own = await ingest.transfers.add(upload.transfer)
    if own is not None:
        # Entered before; what was done with it since, its bytes gone from staging perhaps, is not done again.
        return own
    refuse_closed(agreement, now().date())
    if upload.length > (limit := most_bytes(ingest, agreement)):
        raise too_large(limit)
    async with ingest.database.reading() as connection:
        pieces = await queries.pieces(connection, upload.id)
    async with aclosing(_bytes_of(ingest.staging, pieces)) as chunks:
        digests = {} if upload.sha512 is None else {"sha512": upload.sha512}
        parcel = Parcel(chunks, upload.length, digests, upload.filename, dry_run=upload.dry_run)
        transfer, _ = await take_in(ingest, agreement, upload.depositor, parcel, upload.transfer)
    return transfer


async def _bytes_of(staging: ObjectStore, pieces: list[UploadPiece]) -> AsyncGenerator[bytes, None]:
    """Read pieces one after the other. Raises a 409 `Problem` where one is no longer there."""
    for piece in pieces:
        try:
            opened = await staging.open_range(piece.key, length=piece.size)
        except NoSuchObject as error:
            raise lost() from error
        async with aclosing(opened) as chunks:
            async for chunk in chunks:
                yield chunk


async def _refuse(ingest: Ingest, held: Lease, upload: Upload, agreement: AgreementV1, refusal: Problem) -> None:
    async with ingest.database.begin() as tx:
        await finish(tx, held)
        await queries.end(tx.connection, upload.id, UploadState.REFUSED)
        await queries.note_outcome(tx.connection, upload.id, None, _noted(refusal))
        await leave_pieces(tx, [upload])
        tx.journal(refusal_line(upload.depositor, refusal.code, agreement))


def _noted(refusal: Problem) -> dict[str, Any]:
    # What a header asks for was for whoever waited then.
    kept = {name: value for name, value in asdict(refusal).items() if name != "noted"}
    return kept | {"extra": dict(refusal.extra), "headers": {}}


async def outcome(ingest: Ingest, upload: Upload) -> Upload:
    """Wait a little for what becomes of an upload whose bytes are all there, and return it as it is then."""
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, _FIRST_LOOK
    while upload.state is UploadState.ASSEMBLING and time.monotonic() < deadline:
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_SLEEP)
        async with ingest.database.reading() as connection:
            upload = await queries.find(connection, upload.id) or upload
    return upload
