"""Copies looked over again: for a lock that was not renewed when they were read, or for what lay above them."""

from uuid import UUID

from services.storage.domain.audits import Due
from services.storage.examining import Examiner
from services.storage.findings import note_overlaid
from services.storage.queries import audits
from shared.messaging.lease import Lease
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import confirm, finish


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
        if due is not None and declared:
            await self._look_over(held, due)
        async with self._database.begin() as tx:
            await finish(tx, held)

    async def _look_over(self, held: Lease, due: Due) -> None:
        watched = await self._examiner.watch_over(due)
        async with self._database.begin() as tx:
            await confirm(tx, held)
            await note_overlaid(tx, [(due, watched.overlaid)])
        if not watched.renewed:
            raise TryAgain(f"site {due.site} does not renew the lock of {due.key}")
