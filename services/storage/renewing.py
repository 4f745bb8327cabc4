"""Locks that could not be renewed when their copy was read: asked for again, until the store grants them."""

from uuid import UUID

from services.storage.examining import Examiner
from services.storage.queries import audits
from shared.messaging.lease import Lease
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import finish


class Renewer:
    """Does the work that is left where a lock was not renewed."""

    def __init__(self, database: RoomDatabase, examiner: Examiner) -> None:
        self._database = database
        self._examiner = examiner

    async def renew(self, held: Lease) -> None:
        """Renew the lock of a copy that still counts. Raises `TryAgain` while the store does not."""
        holding_id, version, site = held.key.split("/", 2)
        async with self._database.reading() as connection:
            due = await audits.one(connection, UUID(holding_id), int(version), site)
        declared = site in self._examiner.sites
        if due is not None and declared and not (await self._examiner.watch_over(due)).renewed:
            raise TryAgain(f"site {site} does not renew the lock of {due.key}")
        async with self._database.begin() as tx:
            await finish(tx, held)
