"""A new site is filled: every holding gets a copy to write there, a thousand at a time, and never too many ahead.

The walk goes by identifier and leaves word of where it is in the work that it asks for next: whoever takes that up
goes on there. The copies themselves are written and read back by the background hands as repairs are, from good
copies of other sites. It is over when a whole walk has found nothing to add, and every stored holding is there.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from services.storage.domain.sites import SiteState
from services.storage.handlers import WRITE, copy_key, owner_of, work_key
from services.storage.lines import site_line
from services.storage.queries import sites
from services.storage.queries.sites import AT_ONCE, FIRST
from shared.clock import now
from shared.faults import fault_point
from shared.messaging.lease import Lane, Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue, finish

FILL = "fill"
"""Give every holding a copy on a new site."""

MOST_WAITING = 2000
"""Copies to be written or read back for one site, at most, before more are asked for."""

PAUSE = timedelta(seconds=2)
"""How long the filling rests while enough is waiting."""

LONG_PAUSE = timedelta(minutes=1)
"""How long it rests before another walk, where a copy is not there yet and none is left to be asked for."""


class Filler:
    """Fills new sites. `declared` are the names of those that there are."""

    def __init__(self, database: RoomDatabase, declared: Collection[str]) -> None:
        self._database = database
        self._declared = declared

    async def fill(self, held: Lease) -> None:
        """Do the next of it, and ask for what comes after that; or end it. Nothing while the site is not declared."""
        if held.key not in self._declared:
            raise TryAgain(f"site {held.key} is no longer declared")
        async with self._database.begin() as tx:
            known = await sites.known(tx.connection)
            await finish(tx, held)
            if known[held.key].state is SiteState.FILLING:
                await _go_on(tx, held)
        fault_point("storage.fill.batch")


async def _go_on(tx: Transaction, held: Lease) -> None:
    waiting = await sites.waiting(tx.connection, owner_of(held.key))
    walked = bool(held.payload.get("walked"))
    if waiting > MOST_WAITING or (walked and waiting):
        await _again(tx, held, held.payload, PAUSE)
    elif walked:
        await _end(tx, held)
    else:
        await _walk(tx, held)


async def _walk(tx: Transaction, held: Lease) -> None:
    after = copy_key(held.payload["after"])[:2] if "after" in held.payload else FIRST
    added, last = await sites.add_copies(tx.connection, held.key, after, AT_ONCE)
    owner = owner_of(held.key)
    pieces = (Piece(work_key(*key, held.key), owner=owner, lane=Lane.BACKGROUND) for key in added)
    await enqueue(tx, WRITE, *pieces)
    found = bool(added) or bool(held.payload.get("found"))
    if last is not None:
        await _again(tx, held, {"after": work_key(*last, held.key), "found": found})
    else:
        # What others took in behind our back, knowing nothing of this site, is found by another walk.
        await _again(tx, held, {"walked": not found})


async def _end(tx: Transaction, held: Lease) -> None:
    left, _ = await sites.left_to_fill(tx.connection, held.key)
    if left:
        await _again(tx, held, {}, LONG_PAUSE)
        return
    await sites.move(tx.connection, held.key, {SiteState.FILLING}, SiteState.ACTIVE)
    tx.journal(site_line("site.filled", held.key))


async def _again(tx: Transaction, held: Lease, word: Mapping[str, Any], pause: timedelta | None = None) -> None:
    # Anew each time: what goes on for days is not stuck.
    await enqueue(tx, held.kind, Piece(held.key, word, not_before=None if pause is None else now() + pause))
