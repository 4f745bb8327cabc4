"""SIPs in staging that nobody will read: their request died between the last byte and its row, or they came too late.

Too late is what an upload's worker writes that was taken for dead: its successor has entered the transfer meanwhile,
which may have ended, and been swept.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from services.ingest import queries
from services.ingest.domain.transfer import NEXT
from shared.clock import now
from shared.messaging.transaction import RoomDatabase
from shared.object_store.port import ObjectStore

FOLDER = "sips"

ORPHANED_AFTER = timedelta(days=1)
"""From the last byte of a SIP to its row it is milliseconds, or the time a database takes to come back while
somebody waits for an answer: never a day."""

AT_ONCE = 1000
"""Orphans of one round; there are a few a crash."""


async def forget_orphans(staging: ObjectStore, database: RoomDatabase) -> int:
    """Remove from staging the old SIPs of no transfer, or of one that has ended; return how many there were."""
    old = _by_transfer(await staging.left_behind(FOLDER, now() - ORPHANED_AFTER, AT_ONCE))
    if not old:
        return 0
    async with database.reading() as connection:
        named = await queries.find_transfers(connection, list(old))
    wanted = {transfer.id for transfer in named.values() if NEXT[transfer.state]}
    orphans = [key for transfer_id, key in old.items() if transfer_id not in wanted]
    for key in orphans:
        await staging.delete(key)
    return len(orphans)


def _by_transfer(keys: Sequence[str]) -> dict[UUID, str]:
    """Return keys by the transfer whose identifier they carry; what is named otherwise is not ours, and stays."""
    found = {}
    for key in keys:
        with suppress(ValueError):
            found[UUID(key.rpartition("/")[2])] = key
    return found
