"""A damaged holding gets its bytes back from outside: from a back-up, or from whoever was given a copy."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from services.storage.domain.copies import Copy, CopyState, is_same_writing, written
from services.storage.domain.holdings import GOING, Holding
from services.storage.domain.sites import retention_of
from services.storage.handlers import VERIFY, WRITE, work_key
from services.storage.lines import life_line
from services.storage.queries import amounts, damage, holdings
from services.storage.repairing import piece_again
from services.storage.sites import OpenSite
from services.storage.sources import whole_there
from shared.checksums import Measure, measure_file
from shared.clock import now
from shared.faults import fault_point
from shared.identifiers import new_id
from shared.messaging.lease import Lease
from shared.messaging.outcome import TryAgain
from shared.messaging.taking import give_back, kept, take
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import StaleLease, enqueue, finish
from shared.object_store.errors import StoreError
from shared.object_store.port import Receipt

_GOES = "{key} is being purged, on order: nothing comes back."


class NotRestorable(Exception):
    """Nothing comes back; the text says why."""


@dataclass(frozen=True, slots=True)
class Restored:
    """Sites that have the bytes again, to be read back; and those that could not take them, with the reason."""

    sites: list[str] = field(default_factory=list)
    missed: dict[str, str] = field(default_factory=dict)


class Restorer:
    """Writes the right bytes to every site where a damaged holding lost them."""

    def __init__(self, database: RoomDatabase, sites: Mapping[str, OpenSite], retention: timedelta) -> None:
        self._database = database
        self._sites = sites
        self._retention = retention

    async def restore(self, holding_id: UUID, path: Path, actor: str, version: int | None = None) -> Restored:
        """Put a file in the place of what was lost. What lies there is set aside, or stays as a version below.

        The holding is `stored` again once another task has read one copy back whole; a site that could not take its
        copy now has it from that one then. Without a `version` it is the only one that is damaged. Raises
        `NotRestorable` where none is, or several are, or the file is not it.
        """
        holding, copies = await self._damaged(holding_id, version)
        await _require_right(holding, path)
        said = Restored()
        held = await self._take(holding, copies, said)
        try:
            async with kept(self._database, list(held.values())):
                receipts = await self._put_all(holding, [one for one in copies if one.site in held], path, said)
                fault_point("storage.restore.put")
                async with self._database.begin() as tx:
                    is_noted = await _note(tx, list(held.values()), holding, receipts, actor)
        except StaleLease as error:
            raise NotRestorable(f"{holding.key}: a worker has taken it meanwhile ({error}); ask again.") from error
        finally:
            await give_back(self._database, list(held.values()))
        if not is_noted:
            raise NotRestorable(_GOES.format(key=holding.key))
        return said

    async def _take(self, holding: Holding, copies: Sequence[Copy], said: Restored) -> Mapping[str, Lease]:
        """Take the work on each lost copy in hand: a purge that begins now deletes nothing until we let go."""
        sites = {
            work_key(holding.id, holding.version, one.site): one.site
            for one in copies
            if one.state in (CopyState.LOST, CopyState.TO_WRITE)
        }
        async with self._database.begin() as tx:
            locked = await holdings.lock_holdings(tx.connection, [(holding.id, holding.version)])
            if locked[holding.id, holding.version].state in GOING:
                raise NotRestorable(_GOES.format(key=holding.key))
            taken = await take(tx, WRITE, *(piece_again(holding, site) for site in sites.values()))
        held = {sites[one.key]: one for one in taken}
        said.missed.update({site: "a worker has it in hand" for site in sites.values() if site not in held})
        return held

    async def _put_all(
        self, holding: Holding, copies: Sequence[Copy], path: Path, said: Restored
    ) -> list[tuple[Copy, Receipt]]:
        receipts = []
        for copy in copies:
            if await self._goes(holding):
                break
            try:
                receipts.append((copy, await self._put(holding, copy, path)))
                said.sites.append(copy.site)
            except (StoreError, TryAgain) as error:
                said.missed[copy.site] = str(error)
        return receipts

    async def _goes(self, holding: Holding) -> bool:
        async with self._database.reading() as connection:
            found = await holdings.with_copies(connection, holding.id, holding.version)
        return found is None or found[0].state in GOING

    async def _damaged(self, holding_id: UUID, version: int | None) -> tuple[Holding, list[Copy]]:
        async with self._database.reading() as connection:
            found = await damage.versions(connection, holding_id)
        chosen = [one for one in found if version in (None, one[0].version)]
        if not chosen:
            which = "" if version is None else f" in version {version}"
            raise NotRestorable(f"Nothing called {holding_id} is damaged{which}.")
        if len(chosen) > 1:
            named = ", ".join(str(one[0].version) for one in chosen)
            raise NotRestorable(f"{holding_id} is damaged in several versions; say which: {named}.")
        return chosen[0]

    async def _put(self, holding: Holding, copy: Copy, path: Path) -> Receipt:
        if copy.site not in self._sites:
            raise TryAgain("not declared")
        opened = self._sites[copy.site]
        lock = retention_of(opened.site, now(), self._retention)
        there = await whole_there(opened, holding, lock)
        if there is not None:
            return there
        return await opened.store.put_over(
            holding.key, path, size=holding.size, sha512=holding.sha512, retention=lock
        )


async def _require_right(holding: Holding, path: Path) -> None:
    try:
        found = await asyncio.to_thread(measure_file, path)
    except OSError as error:
        raise NotRestorable(f"{path}: {error.strerror}.") from error
    if found != Measure(holding.sha512, holding.size):
        raise NotRestorable(
            f"{path} is not {holding.key}: {found.size} bytes with SHA-512 {found.sha512}; "
            f"wanted are {holding.size} with {holding.sha512}."
        )


async def _note(
    tx: Transaction, held: Sequence[Lease], holding: Holding, receipts: Sequence[tuple[Copy, Receipt]], actor: str
) -> bool:
    """Note what was written, to be read back by another; a copy that somebody else wrote meanwhile stays his.

    False where the holding is being purged: nothing is noted, and whoever deletes it, who has waited for us, finds
    what we put.
    """
    locked = await holdings.lock_holdings(tx.connection, [(holding.id, holding.version)])
    await finish(tx, *held)
    if locked[holding.id, holding.version].state in GOING:
        return False
    known = (await holdings.copies_of_all(tx.connection, locked.values()))[holding.id, holding.version]
    ours = [
        (holding, written(copy, receipt, new_id(), now()))
        for copy, receipt in receipts
        if any(one.state is copy.state and is_same_writing(one, copy) for one in known)
    ]
    if ours:
        await holdings.put_copies(tx.connection, ours)
        await enqueue(tx, VERIFY, *(piece_again(holding, copy.site) for _, copy in ours))
        line = life_line(holding, "copy.restored", {"sites": ", ".join(copy.site for _, copy in ours)})
        tx.journal(line.model_copy(update={"actor": actor}))
        await amounts.add_usage(tx.connection, {copy.site: [holding.size] for _, copy in ours})
    return True
