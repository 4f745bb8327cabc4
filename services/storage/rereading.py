"""Read every copy of an AIP again, now, whole and past caches: for whoever must state what lies on each site.

Copies are read side by side, as they come; then one that was found whole is taken apart as a restorer would. A copy
that is not whole is left to the doubter, as restore tests do: one reading on the way is no verdict.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from services.storage.bridging import bridged
from services.storage.domain.audits import Verdict, judge
from services.storage.domain.copies import Copy, CopyState
from services.storage.domain.holdings import Holding
from services.storage.domain.packages import Package
from services.storage.doubts import DOUBT
from services.storage.handlers import work_key
from services.storage.pipeline.package_check import check_package
from services.storage.sites import OpenSite
from services.storage.sources import measured
from shared.checksums import Measure
from shared.clock import now
from shared.messaging.lease import Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import enqueue
from shared.object_store.errors import StoreError

READ = frozenset({CopyState.VERIFIED, CopyState.WRITTEN, CopyState.LOST})
"""Copies that were written, and should be whole."""


@dataclass(frozen=True, slots=True)
class Reread:
    """What a site gave back of its copy (`found` None: nothing), and what that says."""

    copy: Copy
    verdict: Verdict
    found: Measure | None
    at: datetime


async def reread(sites: Mapping[str, OpenSite], holding: Holding, copies: Sequence[Copy]) -> AsyncIterator[Reread]:
    """Read copies back whole, side by side, each told as soon as it is read; an unreachable one is `UNKNOWN`."""
    reading = [asyncio.create_task(_read(sites.get(one.site), holding, one)) for one in copies if one.state in READ]
    try:
        for read in asyncio.as_completed(reading):
            yield await read
    finally:
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)


async def _read(opened: OpenSite | None, holding: Holding, copy: Copy) -> Reread:
    if opened is None:
        return Reread(copy, Verdict.UNKNOWN, None, now())
    try:
        found = await measured(opened, holding, copy)
    except (TryAgain, StoreError):
        return Reread(copy, Verdict.UNKNOWN, None, now())
    return Reread(copy, judge(copy.expected, found), found, now())


async def taken_apart(opened: OpenSite, holding: Holding, copy: Copy) -> Package | None:
    """Return what is found in a copy that is read as a package; None where its site gives it no more."""
    try:
        chunks = await opened.store.open_range(holding.key, copy.version_id)
        async with aclosing(chunks), bridged(chunks) as source:
            return await asyncio.to_thread(check_package, source, str(holding.id))
    except StoreError:
        return None


async def doubt(database: RoomDatabase, holding: Holding, reread_copies: Sequence[Reread]) -> None:
    """Have copies judged that counted and were not found whole."""
    bad = [one.copy for one in reread_copies if one.verdict.is_loss and one.copy.state is CopyState.VERIFIED]
    if not bad:
        return
    owner = str(holding.establishment)
    pieces = [Piece(work_key(holding.id, holding.version, one.site), owner=owner) for one in bad]
    async with database.begin() as tx:
        await enqueue(tx, DOUBT, *pieces)
