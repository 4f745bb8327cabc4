"""The continuous audit: a few hands a site, each reading its part of the copies again, the oldest first, for ever.

    stint: due copies ──▶ read one ──▶ its result committed under the hand's lease ──▶ rest ──▶ read the next …
             ▲                                                                           │ a minute is over, or
             └──────────────── the hand's row of work is given back ◀────────────────────┘ nothing is due

A hand never begins a copy before what it found of the last one is committed: after a `kill -9` it reads one copy
again, no more. What several hands have to write down at one moment is written together.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.storage import rounds
from services.storage.domain.audits import Due, Examined, Pace
from services.storage.examining import Examiner
from services.storage.findings import note_examined, tally
from services.storage.queries import audits
from services.storage.queries.audits import Hand
from services.storage.settings import StorageSettings
from shared.clock import now
from shared.faults import fault_point
from shared.messaging.gathering import recorder
from shared.messaging.lease import Lease, Piece
from shared.messaging.stints import rest
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import confirm, enqueue, finish

AUDIT = "audit"
"""Read a part of a site's copies again: permanent work, a row for each hand."""

STINT_SECONDS = 60.0
"""How long a hand reads before its work may go to another process."""

IDLE_SECONDS = 60.0
"""How long a hand rests when nothing is due."""

AT_ONCE = 100
"""Due copies that a hand asks for at a time."""


@dataclass(frozen=True, slots=True)
class Times:
    """A clock, in seconds, and how to sleep."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


REAL = Times()


@dataclass(frozen=True, slots=True)
class Audited:
    """What a hand found of one copy, and the lease under which it did."""

    held: Lease
    hand: Hand
    examined: Examined


class Auditor:
    """Does the stints of every hand."""

    def __init__(
        self, database: RoomDatabase, examiner: Examiner, settings: StorageSettings, times: Times = REAL
    ) -> None:
        self._database = database
        self._examiner = examiner
        self._hands = settings.audit_hands
        self._share = settings.audit_share
        self._free = timedelta(days=settings.audit_period_days) / 2
        self._times = times
        self._noted = recorder(database, note_audited)

    async def ask(self, database: RoomDatabase) -> int:
        """Have work for every hand of every declared site, where there is none; return 0: nothing is put away."""
        async with database.begin() as tx:
            sites = sorted(self._examiner.sites)
            await rounds.begin(tx.connection, sites)
            pieces = (Piece(f"{site}/{number}") for site in sites for number in range(self._hands))
            await enqueue(tx, AUDIT, *pieces)
        return 0

    async def audit(self, held: Lease) -> None:
        """Read a hand's due copies for one stint, and give its work back for the next."""
        site, _, number = held.key.rpartition("/")
        hand = Hand(site, int(number), self._hands)
        if site not in self._examiner.sites or hand.number >= self._hands:
            async with self._database.begin() as tx:
                await finish(tx, held)
            return
        owed = await self._stint(held, hand)
        if owed is None:
            await rounds.end_if_done(self._database, site, self._free)
            owed = IDLE_SECONDS
        async with self._database.begin() as tx:
            await rest(tx, held, owed)

    async def _stint(self, held: Lease, hand: Hand) -> float | None:
        """Read until the stint is over; return the rest that is owed for it, None when nothing is due any more."""
        pace, over = Pace(self._share), self._times.clock() + STINT_SECONDS
        async for due in self._due(hand):
            examined = await self._noted.add(Audited(held, hand, await self._examiner.examine(due)))
            tally(examined)
            fault_point("storage.audit.noted")
            owed = pace.read(examined.seconds)
            if self._times.clock() + owed >= over:
                return owed
            if owed:
                await self._times.sleep(owed)
                pace.rested()
        return None

    async def _due(self, hand: Hand) -> AsyncIterator[Due]:
        before, last = now() - self._free, None
        while True:
            async with self._database.reading() as connection:
                found = await audits.due(connection, hand, before, last, AT_ONCE)
            for last in found:
                yield last
            if len(found) < AT_ONCE:
                return


async def note_audited(tx: Transaction, readings: Sequence[Audited]) -> list[Examined]:
    """Write down what hands found, each under its own lease."""
    await confirm(tx, *(one.held for one in readings))
    found = await note_examined(tx, [one.examined for one in readings])
    await audits.count(tx.connection, [(one.hand, judged) for one, judged in zip(readings, found, strict=True)])
    return found
