"""Approved archival profiles are kept on every site, bytes and all, for whoever rebuilds an archive from them."""

import base64
from collections.abc import Awaitable, Callable, Sequence

from services.storage.handlers import profile_record, take_records
from shared.messages.admin import ProfilePublishedV1, ProfileReferenceV1
from shared.messaging.lease import Lease
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import finish

Fetch = Callable[[ProfileReferenceV1], Awaitable[bytes]]
"""Returns the bytes of a profile; raises `TryAgain` while they are not to be had."""


class ProfileKeeper:
    """Makes a record of each approved profile, for all `sites`."""

    def __init__(self, database: RoomDatabase, sites: Sequence[str], fetch: Fetch) -> None:
        self._database = database
        self._sites = sites
        self._fetch = fetch

    async def keep(self, held: Lease) -> None:
        """Ask for the bytes, and take the record in: it is copied and read back as any other."""
        message = ProfilePublishedV1.model_validate(held.payload["message"])
        content = await self._fetch(message.reference)
        record = profile_record(message, {"content": base64.b64encode(content).decode()})
        async with self._database.begin() as tx:
            await take_records(tx, [record], self._sites)
            await finish(tx, held)
