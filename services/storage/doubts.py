"""A copy that somebody stumbled over is read back whole once more, and judged: one reading on the way is no verdict.

Restore tests and rewritings ask for it: whoever reads a package for something else leaves it to this.
"""

from collections.abc import Mapping

from services.storage import repairing
from services.storage.domain.copies import CopyState, read_back
from services.storage.domain.holdings import KEPT
from services.storage.handlers import copy_key
from services.storage.queries import holdings
from services.storage.repairing import Loss
from services.storage.sites import OpenSite
from services.storage.sources import measured
from shared.clock import now
from shared.faults import fault_point
from shared.identifiers import new_id
from shared.messaging.lease import Lease
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import finish

DOUBT = "doubt"
"""Judge one copy that should be whole; the key is the copy's."""


class Doubter:
    """Judges copies that are in doubt."""

    def __init__(self, database: RoomDatabase, sites: Mapping[str, OpenSite]) -> None:
        self._database = database
        self._sites = sites

    async def judge(self, held: Lease) -> None:
        """Read a copy to its end, and have it written again if it is lost; `TryAgain` while its site is away."""
        key = copy_key(held.key)
        async with self._database.reading() as connection:
            found = (await holdings.subjects(connection, [key])).get(key)
        losses = []
        if found is not None and found[0].state in KEPT and found[1].state is CopyState.VERIFIED:
            holding, copy = found
            if copy.site not in self._sites:
                raise TryAgain(f"site {copy.site} is no longer declared")
            measure = await measured(self._sites[copy.site], holding, copy)
            judged = read_back(copy, measure, new_id(), now())
            losses = [Loss(holding, judged, measure)] if judged.state is CopyState.LOST else []
        fault_point("storage.doubt.read")
        async with self._database.begin() as tx:
            await repairing.lose(tx, losses)
            await finish(tx, held)
        fault_point("storage.doubt.noted")
