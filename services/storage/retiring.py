"""A site is retired: only where the others hold all; its copies count no more, its bytes lie where they lay."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.storage.domain.holdings import HoldingKey
from services.storage.domain.sites import Site, SiteState, place_of
from services.storage.filling import FILL
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
from shared.object_store.errors import StoreError

RETIRE = "retire"
"""Have the copies of a retired site count no more."""

_LEAVING = (SiteState.RETIRING, SiteState.RETIRED)

PATIENCE_SECONDS = 15.0
"""How long another site may take to answer before it is taken to be away."""

PAUSE = timedelta(minutes=1)
"""How long the walk rests before it looks again at what is still needed."""


class NotRetirable(Exception):
    """Nothing was changed; the text says why."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A retirement has begun, or had begun before; `state` is that of the site."""

    site: str
    state: SiteState


async def retire(
    database: RoomDatabase, opened: Mapping[str, OpenSite], name: str, actor: str, period: timedelta
) -> Begun:
    """Begin to retire a site, declared or not. Raises `NotRetirable` unless others hold all, on two places.

    The others have to answer, and to have given back within `period` each copy that is to stand for one of this site:
    what nobody has read is unknown, and unknown is no success.
    """
    async with database.reading() as connection:
        known = await sites.known(connection)
    if name not in known:
        raise NotRetirable(f"No site {name}. Known: {', '.join(known) or 'none yet'}.")
    if known[name].state in _LEAVING:
        return Begun(name, known[name].state)
    others = _needed(opened, known, name)
    await _require_there(opened, others)
    async with database.reading() as connection:
        count, first = await sites.lacking(connection, others, now() - period)
    if count:
        raise NotRetirable(
            f"{count} holdings have no verified copies, read within {period.days} days, on two other sites on "
            f"distinct places; the first is {first}."
        )
    return await _begin(database, opened, name, actor, others)


async def _begin(
    database: RoomDatabase, opened: Mapping[str, OpenSite], name: str, actor: str, others: Mapping[str, str]
) -> Begun:
    """Move the site, if those that were looked at are still there: of two that leave at once one stays.

    All holdings were looked at before, which takes a minute for millions, and deposits would wait for it here. What
    was lost since keeps its copy: each is looked at again before it is let go.
    """
    async with database.begin() as tx:
        known = await sites.lock_all(tx.connection)
        if known[name].state in _LEAVING:
            return Begun(name, known[name].state)
        if missed := sorted(others.keys() - _needed(opened, known, name).keys()):
            raise NotRetirable(f"{', '.join(missed)}: no longer active; ask again.")
        await sites.move(tx.connection, name, {SiteState.ACTIVE, SiteState.FILLING}, SiteState.RETIRING)
        tx.journal(site_line("site.retiring", name, actor))
        await enqueue(tx, RETIRE, Piece(name))
    return Begun(name, SiteState.RETIRING)


async def keep(database: RoomDatabase, name: str, actor: str) -> Begun:
    """Have a site stay that is being retired: it is filled with what was already let go. Raises `NotRetirable`.

    What it had was out of account for a while, and is read back whole before it counts; only what is not there, or
    not whole, is sent.
    """
    async with database.begin() as tx:
        known = await sites.lock_all(tx.connection)
        state = known[name].state if name in known else None
        if state is not SiteState.RETIRING:
            raise NotRetirable(f"{name} is {state or 'not known'}: only a site that is being retired can be kept.")
        await sites.move(tx.connection, name, {SiteState.RETIRING}, SiteState.FILLING)
        tx.journal(site_line("site.kept", name, actor))
        await enqueue(tx, FILL, Piece(name))
    return Begun(name, SiteState.FILLING)


def _needed(opened: Mapping[str, OpenSite], known: Mapping[str, sites.KnownSite], name: str) -> dict[str, str]:
    others = _others((one.site for one in opened.values()), known, name)
    if len(set(others.values())) < 2:
        raise NotRetirable(f"Besides {name} two active sites on distinct places are needed.")
    return others


async def _require_there(opened: Mapping[str, OpenSite], names: Iterable[str]) -> None:
    for name in names:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await opened[name].store.probe()
        except TimeoutError:
            raise NotRetirable(f"Site {name} does not answer within {PATIENCE_SECONDS:.0f} s.") from None
        except StoreError as error:
            raise NotRetirable(f"Site {name} does not answer as it must: {error}.") from error


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
        async with self._database.begin() as tx:
            await finish(tx, held)
            if await sites.is_leaving(tx.connection, held.key):
                await self._go_on(tx, held)
        fault_point("storage.retire.batch")

    async def _go_on(self, tx: Transaction, held: Lease) -> None:
        place, name = _place(held.payload), held.key
        keys = await sites.on_site(tx.connection, name, place.after)
        if keys:
            gone = await self._let_go(tx, name, keys)
            # The next walk begins where something was left: what is behind it need not be read again.
            left = place.left if place.left is not None or gone == set(keys) else place.after
            await enqueue(tx, RETIRE, Piece(name, _word(Place(keys[-1], left), name)))
        elif place.left is not None:
            again = _word(Place(place.left, None), name)
            await enqueue(tx, RETIRE, Piece(name, again, not_before=now() + PAUSE))
        elif await sites.on_site(tx.connection, name, FIRST):
            await enqueue(tx, RETIRE, Piece(name, not_before=now() + PAUSE))
        elif await sites.move(tx.connection, name, {SiteState.RETIRING}, SiteState.RETIRED):
            tx.journal(site_line("site.retired", name))

    async def _let_go(self, tx: Transaction, name: str, keys: Sequence[HoldingKey]) -> set[HoldingKey]:
        known = await sites.known(tx.connection)
        others = _others((one.site for one in self._opened.values()), known, name)
        # Locked first, in the order of everybody who moves copies.
        locked = await holdings.lock_holdings(tx.connection, keys)
        gone = await sites.let_go(tx.connection, name, keys, others)
        # What only waited for this site is stored now.
        await conclude(self._opened, tx, [locked[key] for key in gone if locked[key].state == "storing"], {})
        return gone


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk is: behind `after`, and behind `left` it first left a copy that is still needed."""

    after: HoldingKey
    left: HoldingKey | None


def _place(word: Mapping[str, Any]) -> Place:
    after, left = word.get("after"), word.get("left")
    return Place(FIRST if after is None else copy_key(after)[:2], None if left is None else copy_key(left)[:2])


def _word(place: Place, name: str) -> dict[str, str]:
    left = {} if place.left is None else {"left": work_key(*place.left, name)}
    return {"after": work_key(*place.after, name), **left}
