"""Coherence: what a site lists against what the copy map says is there, both ways; nothing is ever deleted.

    the site   k1 k2    k4 k5 …      k5, which no holding names: an orphan, named and left where it is
    the map    k1 k2 k3 k4    …      k3, which the site does not list: asked for by itself, then lost

Stores differ in the order of keys that begin alike, so order decides nothing here: each listed key is looked up, and
each copy that was not listed in its turn is asked for before it counts as missing.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from services.storage import runs as asked
from services.storage.domain.audits import MOST_LOST, SLOW_SECONDS, Due, Examined, Verdict
from services.storage.findings import note_examined, tally, tell_losing
from services.storage.queries import runs
from services.storage.sites import OpenSite, is_there
from shared.clock import now
from shared.faults import fault_point
from shared.messaging.lease import Lease
from shared.messaging.outcome import TryAgain
from shared.messaging.stints import rest
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import note
from shared.object_store.errors import StoreError
from shared.object_store.keeping import Version

AT_ONCE = 1000
"""Keys that are compared at a time: what is done again after a crash."""

YOUNG = timedelta(days=1)
"""What was put there so lately is no orphan yet: its holding may be about to be noted, or clocks may differ."""

MOST_NAMED = 10_000
"""Keys of a run that are named; all are counted."""


class _SiteLosesError(Exception):
    """So much of a site is not there that it is the site which is to be looked at."""


@dataclass(slots=True)
class Walk:
    """How far a site was compared: listed up to `after`, the map up to `upto`, and what was found.

    `lost` are the copies that were found missing since the work was last taken up.
    """

    held: Lease
    run: UUID
    opened: OpenSite
    after: str
    upto: str
    counts: Counter[str] = field(default_factory=Counter)
    lost: int = 0

    @property
    def word(self) -> dict[str, object]:
        """What is left in the work for whoever takes it next."""
        return {"after": self.after, "upto": self.upto, "counts": dict(self.counts)}


class Comparer:
    """Compares sites with the copy map."""

    def __init__(self, database: RoomDatabase, sites: Mapping[str, OpenSite], at_once: int = AT_ONCE) -> None:
        self._database = database
        self._sites = sites
        self._at_once = at_once

    async def compare(self, held: Lease) -> None:
        """Compare a whole site; taken up again after a crash or an outage, it goes on where it was."""
        run, site = asked.subject_of(held)
        if site not in self._sites:
            async with self._database.begin() as tx:
                await asked.end(tx, held, {"unknown": 1})
            return
        left = held.payload
        walk = Walk(held, run, self._sites[site], left.get("after", ""), left.get("upto", ""))
        walk.counts.update({"listed": 0, "compared": 0, "orphan": 0, "missing": 0, **left.get("counts", {})})
        try:
            async for listed in _chunks(walk.opened, walk.after, self._at_once):
                await self._compare(walk, listed, max(walk.upto, *(one.key for one in listed)))
            await self._missing(walk, set(), None)
        except StoreError as error:
            raise TryAgain(f"site {site}: {error}") from error
        except _SiteLosesError:
            await self._slow_down(walk)
            return
        async with self._database.begin() as tx:
            await asked.end(tx, held, walk.counts)
        fault_point("storage.coherence.ended")

    async def _slow_down(self, walk: Walk) -> None:
        site = walk.opened.site.name
        async with self._database.begin() as tx:
            await note(tx, walk.held, {**walk.word, "losing": site})
            await rest(tx, walk.held, SLOW_SECONDS)
        tell_losing(site, walk.lost)

    async def _compare(self, walk: Walk, listed: Sequence[Version], upto: str) -> None:
        await self._missing(walk, {one.key for one in listed}, upto)
        async with self._database.begin() as tx:
            known = await runs.named_keys(tx.connection, walk.opened.site.name, [one.key for one in listed])
            old = now() - YOUNG
            orphans = [one.key for one in listed if one.key not in known and one.modified_at < old]
            room = max(0, MOST_NAMED - walk.counts["orphan"])
            await runs.add_items(tx.connection, walk.run, walk.opened.site.name, orphans[:room], "orphan")
            walk.counts.update({"listed": len(listed), "orphan": len(orphans)})
            walk.after, walk.upto = listed[-1].key, upto
            await note(tx, walk.held, walk.word)
            await runs.count_part(tx.connection, walk.run, walk.opened.site.name, walk.counts)
        fault_point("storage.coherence.noted")

    async def _missing(self, walk: Walk, listed: set[str], upto: str | None) -> None:
        """Look for copies of the map that were not listed, up to a key or to the end; those not there are lost.

        Raises `_SiteLosesError` once there are too many of these for one go.
        """
        site = walk.opened.site.name
        while True:
            async with self._database.reading() as connection:
                dues = await runs.between(connection, site, walk.upto, upto, self._at_once)
            looked, absent = await _absent(walk.opened, dues, listed, MOST_LOST - walk.lost)
            if looked:
                await self._note_missing(walk, looked, absent)
            if walk.lost >= MOST_LOST:
                raise _SiteLosesError
            if len(looked) == len(dues) < self._at_once:
                return

    async def _note_missing(self, walk: Walk, dues: Sequence[Due], absent: Sequence[Due]) -> None:
        site, at = walk.opened.site.name, now()
        lost = [Examined(due, Verdict.MISSING, None, at, 0.0) for due in absent]
        async with self._database.begin() as tx:
            judged = await note_examined(tx, lost)
            missing = [one.due.key for one in judged if one.verdict is Verdict.MISSING]
            walk.counts.update({"compared": len(dues), "missing": len(missing)})
            walk.upto = dues[-1].key
            walk.lost += len(missing)
            await note(tx, walk.held, walk.word)
            await runs.add_items(tx.connection, walk.run, site, missing, "missing")
        for one in judged:
            tally(one)
        fault_point("storage.coherence.missing")


async def _chunks(opened: OpenSite, after: str, most: int) -> AsyncIterator[list[Version]]:
    chunk: list[Version] = []
    async for one in opened.store.listed(after=after):
        chunk.append(one)
        if len(chunk) == most:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


async def _absent(
    opened: OpenSite, dues: Sequence[Due], listed: set[str], most: int
) -> tuple[Sequence[Due], Sequence[Due]]:
    """Ask for copies that were not listed, until so many are not there; return those looked at, and the absent."""
    absent: list[Due] = []
    for number, due in enumerate(dues, start=1):
        if due.key not in listed and not await is_there(opened.store, due.key, due.version_id):
            absent.append(due)
            if len(absent) == most:
                return dues[:number], absent
    return dues, absent
