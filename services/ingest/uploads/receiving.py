"""Begin an upload, and append to it: each piece is durable in staging before its row moves the offset on.

    bytes ─► pieces/<id> (durable) ─► one transaction: upload_piece, offset (and work, with the last one)

A crash between the two leaves an object without a row (`forgetting.forget_orphan_pieces`), never an offset without
its bytes.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from services.ingest import lanes
from services.ingest.agreements import agreement_for, known_agreement, most_bytes
from services.ingest.berths import STAGING_FULL, Berth, no_room
from services.ingest.domain.upload import MOST_OPEN, MOST_PIECES, STALL_SECONDS, UploadState, piece_size
from services.ingest.parts import Ingest
from services.ingest.reception import too_large
from services.ingest.refusals import refusals_noted
from services.ingest.uploads import queries
from services.ingest.uploads.headers import Announced
from services.ingest.uploads.inflow import Inflow
from services.ingest.uploads.leasing import Held, LeaseLost, leased
from services.ingest.uploads.queries import Upload, UploadPiece
from services.ingest.uploads.refusals import (
    beyond_length,
    checksum_mismatch,
    too_many_requests_of_one,
    too_many_uploads,
)
from shared.clock import now
from shared.identifiers import new_id
from shared.identity.caller import Caller
from shared.messaging.outcome import TryAgain
from shared.messaging.work import enqueue
from shared.object_store.errors import StoreError, StoreFull, WrongBytes
from shared.object_store.port import ObjectWriter

ASSEMBLE = "assemble"
"""Put the pieces of an upload together, and enter it as a transfer."""

_ASKED_AGAIN = frozenset({UploadState.ASSEMBLING, UploadState.COMPLETED, UploadState.REFUSED})
"""States in which the answer to the last request may have been lost, and is asked for again."""


@dataclass(frozen=True, slots=True)
class Portion:
    """What one request brings: a stream, its announced size and, by hashlib's name, its digest in hexadecimal."""

    chunks: AsyncIterator[bytes]
    size: int | None
    digests: dict[str, str]


async def begin(ingest: Ingest, caller: Caller, announced: Announced, length: int, metadata: str) -> Upload:
    """Begin an upload of `length` bytes.

    Raises the `Problem` of a deposit that could not be made now: its agreement, its size, room for it.
    """
    agreement = await agreement_for(ingest, caller, announced.agreement, now().date())
    async with refusals_noted(ingest.database, caller.subject, agreement):
        if length > (limit := most_bytes(ingest, agreement)):
            raise too_large(limit)
        async with ingest.berths.berth(caller.subject, length), ingest.database.reading() as connection:
            if await queries.count_open(connection, caller.subject, MOST_OPEN) >= MOST_OPEN:
                raise too_many_uploads()
            values = {
                "id": new_id(),
                "establishment": agreement.establishment,
                "agreement": agreement.id,
                "depositor": caller.subject,
                "metadata": metadata,
                "filename": announced.filename,
                "dry_run": announced.dry_run,
                "sha512": announced.sha512,
                "length": length,
            }
            return await queries.add(connection, values, _rest(ingest))


async def append(ingest: Ingest, upload: Upload, offset: int, portion: Portion) -> Upload:
    """Append what a request brings, and return the upload as it is then.

    Without a digest, what came before the body broke off stays; with one, all of it comes or nothing. Raises a
    `Problem`: 408 and 400 for a body that broke off, 409, 410, 413, 423, 460, 507.
    """
    if portion.size == 0 and upload.received == offset == upload.length and upload.state in _ASKED_AGAIN:
        return upload
    async with leased(ingest.database, upload.id, offset) as held:
        inflow = Inflow(portion.chunks, upload.length - offset, beyond_length(upload), STALL_SECONDS)
        agreement = await known_agreement(ingest, str(upload.agreement))
        if agreement is None:
            raise TryAgain(f"agreement {upload.agreement} is not known to admin")
        async with refusals_noted(ingest.database, upload.depositor, agreement):
            _refuse_at_once(held.upload, portion)
            expected = upload.length - offset if portion.size is None else portion.size
            async with ingest.berths.berth(upload.depositor, expected) as berth:
                await _pieces(ingest, held, berth, inflow, portion)
    if inflow.broken is not None:
        raise inflow.broken
    return held.upload


def _refuse_at_once(upload: Upload, portion: Portion) -> None:
    if portion.size is not None and portion.size > upload.length - upload.received:
        raise beyond_length(upload)
    if upload.pieces >= MOST_PIECES:
        raise too_many_requests_of_one()


async def _pieces(ingest: Ingest, held: Held, berth: Berth, inflow: Inflow, portion: Portion) -> None:
    """Take a body in, one piece after the other; what has a digest is one piece, for it stays whole or not at all."""
    left = held.upload.length - held.upload.received
    most = left if portion.digests else piece_size(held.upload.length)
    while not inflow.ended and held.upload.state is UploadState.RECEIVING:
        # The last one asks for a byte too many: whether the body ends where it must is known before that counts.
        size = most if most < left else left + 1
        piece = await _piece(ingest, held, berth, inflow, (size, portion.digests))
        if piece is None:
            return
        await _record(ingest, held, piece)
        berth.recorded(piece.size)
        left -= piece.size


async def _piece(
    ingest: Ingest, held: Held, berth: Berth, inflow: Inflow, wanted: tuple[int, dict[str, str]]
) -> UploadPiece | None:
    """Make the next bytes durable; None where there are none, or not all of what must be whole."""
    size, digests = wanted
    piece_id, also = new_id(), tuple(name for name in digests if name != "sha512")
    try:
        async with ingest.staging.writer(queries.piece_key(piece_id), size=size, also=also) as writer:
            await _fill(writer, held, berth, inflow, size)
            if writer.size == 0 or (digests and inflow.broken is not None):
                return None
            await writer.commit(digests=digests)
            return UploadPiece(held.upload.id, held.upload.received, writer.size, piece_id)
    except WrongBytes as error:
        raise checksum_mismatch() from error
    except StoreFull as error:
        # Our reckoning was wrong, or somebody else has filled it.
        raise no_room(STAGING_FULL) from error


async def _fill(writer: ObjectWriter, held: Held, berth: Berth, inflow: Inflow, size: int) -> None:
    async for chunk in inflow.portion(size):
        held.confirm()
        berth.taken += len(chunk)
        await writer.write(chunk)


async def _record(ingest: Ingest, held: Held, piece: UploadPiece) -> None:
    """Move the offset on in one transaction with the row of a piece that is durable."""
    async with ingest.database.begin() as tx:
        moved = await queries.advance(tx.connection, held.upload, piece, _rest(ingest), new_id())
        if moved is not None and moved.state is UploadState.ASSEMBLING:
            await enqueue(tx, ASSEMBLE, lanes.piece(moved.id, moved.establishment, moved.length))
    if moved is None:
        with suppress(StoreError):
            await ingest.staging.delete(piece.key)
        raise LeaseLost(str(piece.upload))
    held.upload = moved


def _rest(ingest: Ingest) -> timedelta:
    return timedelta(hours=ingest.settings.upload_hours)
