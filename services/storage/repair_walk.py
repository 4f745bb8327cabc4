"""Where a site has lost more than can be asked for at once, its copies are asked for by and by, as others come back.

A loss asks for its own repair while few wait (`services.storage.repairing`). Beyond that this walk does, in the order
of holdings: the table of work stays small, whatever becomes of a site. It ends when every copy that is lost there is
asked for; an hourly look begins it again where one is not.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from services.storage.domain.sites import SiteState
from services.storage.handlers import WRITE, copy_key, work_key
from services.storage.queries import losses, sites
from services.storage.queries.sites import FIRST
from services.storage.repairing import MOST_WAITING, REPAIR
from shared.clock import now
from shared.messaging.lease import Lane, Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue, finish

PAUSE = timedelta(seconds=5)
"""How long the walk rests while enough is waiting."""


class RepairWalk:
    """Asks for the repairs of a site. `declared` are the names of those that there are."""

    def __init__(self, database: RoomDatabase, declared: Collection[str]) -> None:
        self._database = database
        self._declared = declared

    async def go_on(self, held: Lease) -> None:
        """Ask for the next of them, and for what comes after; or end it. Nothing while the site is not declared."""
        if held.key not in self._declared:
            raise TryAgain(f"site {held.key} is no longer declared")
        async with self._database.begin() as tx:
            await finish(tx, held)
            await _go_on(tx, held)


async def _go_on(tx: Transaction, held: Lease) -> None:
    room = MOST_WAITING - await losses.repairs_waiting(tx.connection, held.key, MOST_WAITING)
    if room <= 0:
        await _again(tx, held, held.payload, PAUSE)
        return
    after = copy_key(held.payload["after"])[:2] if "after" in held.payload else FIRST
    found = await losses.not_asked_for(tx.connection, held.key, after, room)
    pieces = (
        Piece(work_key(*one.key, held.key), owner=str(one.establishment or ""), lane=Lane.BACKGROUND) for one in found
    )
    await enqueue(tx, WRITE, *pieces)
    if found:
        await _again(tx, held, {"after": work_key(*found[-1].key, held.key)})
    elif held.payload:
        # What was lost behind our back is found by another walk.
        await _again(tx, held, {}, PAUSE)


async def _again(tx: Transaction, held: Lease, word: Mapping[str, Any], pause: timedelta | None = None) -> None:
    await enqueue(tx, REPAIR, Piece(held.key, word, not_before=None if pause is None else now() + pause))


async def ask_for_repairs(database: RoomDatabase) -> int:
    """Have the walk made of each site that lost something; return how many there are."""
    async with database.begin() as tx:
        known = await sites.known(tx.connection)
        lost = await losses.sites_that_lost(
            tx.connection, [name for name, one in known.items() if one.state is not SiteState.RETIRED]
        )
        await enqueue(tx, REPAIR, *(Piece(name) for name in lost))
    return len(lost)
