"""What writers left half written on the sites is removed while storage runs, not only when it starts."""

import logging
from collections.abc import Mapping

from services.storage.sites import OpenSite
from shared.messaging.transaction import RoomDatabase
from shared.object_store.errors import StoreUnavailable

log = logging.getLogger(__name__)


async def tidy_sites(sites: Mapping[str, OpenSite], _database: RoomDatabase) -> int:
    """Have each site remove what was abandoned two days ago; one that is away is tidied another time."""
    removed = 0
    for name, opened in sites.items():
        try:
            removed += await opened.store.tidy()
        except StoreUnavailable:
            log.warning("a site could not be tidied", extra={"site": name})
    return removed
