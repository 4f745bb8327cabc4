"""Locks that could not be renewed when their copy was read: asked for again, until the store grants them."""

from uuid import UUID

from services.storage.domain.audits import Due
from services.storage.domain.copies import CopyState
from services.storage.examining import Examiner
from services.storage.queries import holdings
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
        key = (UUID(holding_id), int(version), site)
        async with self._database.reading() as connection:
            found = (await holdings.subjects(connection, [key])).get(key)
        if found is not None and site in self._examiner.sites:
            holding, copy = found
            if copy.state is CopyState.VERIFIED and copy.written_at and copy.verified_at:
                due = Due(*key, holding.key, copy.version_id, copy.expected, copy.written_at, copy.verified_at)
                if not (await self._examiner.watch_over(due)).renewed:
                    raise TryAgain(f"site {site} does not renew the lock of {holding.key}")
        async with self._database.begin() as tx:
            await finish(tx, held)
