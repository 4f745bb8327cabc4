"""A site is retired: only where the others hold all; its copies count no more, its bytes lie where they lay."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.storage.domain.holdings import HoldingKey
from services.storage.domain.sites import Site, SiteState, place_of
from services.storage.handlers import copy_key, work_key
from services.storage.lines import site_line
from services.storage.queries import holdings, sites
from services.storage.queries.sites import FIRST
from services.storage.recording import conclude
from services.storage.sites import OpenSite
from shared.clock import now
from shared.faults import fault_point
from shared.messaging.lease import Lease, Piece
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue, finish

RETIRE = "retire"
"""Have the copies of a retired site count no more."""


PAUSE = timedelta(minutes=1)
"""How long the walk rests before it looks again at what is still needed."""


class NotRetirable(Exception):
    """Nothing was changed; the text says why."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A retirement has begun, or had begun before; `state` is that of the site."""

    site: str
    state: SiteState


async def retire(database: RoomDatabase, declared: Iterable[Site], name: str, actor: str) -> Begun:
    """Begin to retire a site, declared or not. Raises `NotRetirable` unless others hold all, on two places."""
    async with database.reading() as connection:
        known = await sites.known(connection)
        if name not in known:
            raise NotRetirable(f"No site {name}. Known: {', '.join(known) or 'none yet'}.")
        if known[name].state in (SiteState.RETIRING, SiteState.RETIRED):
            return Begun(name, known[name].state)
        others = _others(declared, known, name)
        if len(set(others.values())) < 2:
            raise NotRetirable(f"Besides {name} two active sites on distinct places are needed.")
        count, first = await sites.lacking(connection, others)
    if count:
        raise NotRetirable(
            f"{count} holdings have no verified copies on two other sites on distinct places; the first is {first}."
        )
    async with database.begin() as tx:
        if await sites.move(tx.connection, name, {SiteState.ACTIVE, SiteState.FILLING}, SiteState.RETIRING):
            tx.journal(site_line("site.retiring", name, actor))
            await enqueue(tx, RETIRE, Piece(name))
    return Begun(name, SiteState.RETIRING)


def _others(declared: Iterable[Site], known: Mapping[str, sites.KnownSite], name: str) -> dict[str, str]:
    return {
        one.name: place_of(one)
        for one in declared
        if one.name != name and one.name in known and known[one.name].state is SiteState.ACTIVE
    }


class Retirer:
    """Takes the copies of a retiring site out of account, a thousand at a time, each only where it is not missed."""

    def __init__(self, database: RoomDatabase, opened: Mapping[str, OpenSite]) -> None:
        self._database = database
        self._opened = opened

    async def retire(self, held: Lease) -> None:
        """Do the next thousand, and ask for what comes after them; or end it.

        What is still needed, while a repair is under way elsewhere, is looked at again in a while.
        """
        after = held.payload.get("after")
        async with self._database.begin() as tx:
            await finish(tx, held)
            keys = await sites.on_site(tx.connection, held.key, FIRST if after is None else copy_key(after)[:2])
            if keys:
                await self._let_go(tx, held.key, keys)
                await enqueue(tx, RETIRE, Piece(held.key, {"after": work_key(*keys[-1], held.key)}))
            elif await sites.on_site(tx.connection, held.key, FIRST):
                await enqueue(tx, RETIRE, Piece(held.key, not_before=now() + PAUSE))
            elif await sites.move(tx.connection, held.key, {SiteState.RETIRING}, SiteState.RETIRED):
                tx.journal(site_line("site.retired", held.key))
        fault_point("storage.retire.batch")

    async def _let_go(self, tx: Transaction, name: str, keys: Sequence[HoldingKey]) -> None:
        known = await sites.known(tx.connection)
        others = _others((one.site for one in self._opened.values()), known, name)
        # Locked first, in the order of everybody who moves copies.
        locked = await holdings.lock_holdings(tx.connection, keys)
        gone = await sites.let_go(tx.connection, name, keys, others)
        # What only waited for this site is stored now.
        await conclude(self._opened, tx, [locked[key] for key in gone if locked[key].state == "storing"], {})
