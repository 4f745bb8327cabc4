"""One request at a time appends to an upload: its lease, kept while it lives, and what is said without one."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from services.ingest.domain.upload import GONE, UploadState
from services.ingest.uploads import queries
from services.ingest.uploads.queries import LEASE, Upload
from services.ingest.uploads.refusals import beyond_length, gone, locked, wrong_offset
from shared.messaging.transaction import RoomDatabase
from shared.problems import Problem, not_found
from shared.telling import told

log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another request has the upload now, or it is over: what we would still add cannot be recorded."""


class Held:
    """An upload that is ours to append to; `lost` once a beat has found that it is no longer."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        self.lost = False

    def confirm(self) -> None:
        """Raise `LeaseLost` where the last beat found it lost: only the database can say that it is not."""
        if self.lost:
            raise LeaseLost(str(self.upload.id))


@asynccontextmanager
async def leased(database: RoomDatabase, upload_id: UUID, offset: int) -> AsyncIterator[Held]:
    """Hold an upload, to append to it from an offset on.

    Raises the `Problem` of whoever may not: 404, 409 (wrong offset), 410 (over), 423 (another request has it).
    """
    async with database.reading() as connection:
        mine = await queries.lease(connection, upload_id, offset)
    if mine is None:
        raise await _why_not(database, upload_id, offset)
    held = Held(mine)
    beating = asyncio.create_task(_beat(database, held))
    try:
        yield held
    except LeaseLost as error:
        raise await _why_not(database, upload_id, held.upload.received) from error
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        await _release(database, held)


async def _beat(database: RoomDatabase, held: Held) -> None:
    while not held.lost:
        await asyncio.sleep(LEASE.total_seconds() / 3)
        try:
            async with database.reading() as connection:
                held.lost = not await queries.renew(connection, held.upload)
        except Exception as error:  # noqa: BLE001 (a missed beat is made up by the next, or the lease runs out)
            log.warning("no heartbeat", extra={"upload": str(held.upload.id), "reason": told(error)})


async def _release(database: RoomDatabase, held: Held) -> None:
    try:
        async with database.reading() as connection:
            await queries.release(connection, held.upload)
    except Exception as error:  # noqa: BLE001 (it runs out by itself)
        log.warning("not released", extra={"upload": str(held.upload.id), "reason": told(error)})


async def _why_not(database: RoomDatabase, upload_id: UUID, offset: int) -> Problem:
    async with database.reading() as connection:
        current = await queries.find(connection, upload_id)
    if current is None:
        return not_found()
    if current.state in GONE:
        return gone(current.state)
    if current.received != offset:
        return wrong_offset(current)
    return locked() if current.state is UploadState.RECEIVING else beyond_length(current)
