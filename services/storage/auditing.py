"""The continuous audit: a few hands a site, each reading its part of the copies again, the oldest first, for ever.

    stint: due copies ──▶ read one ──▶ its result committed under the hand's lease ──▶ rest ──▶ read the next …
             ▲                                                                           │ a minute is over, or
             └──────────────── the hand's row of work is given back ◀────────────────────┘ nothing is due

A copy that cannot be read is left behind, with a bookmark in the hand's row, until the walk begins anew: neither it,
nor the rest that its slow failing owes, keeps the others from being read.

A hand never begins a copy before what it found of the last one is committed: after a `kill -9` it reads one copy
again, no more. What several hands have to write down at one moment is written together: copies that are whole by one
statement, all else in a transaction.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.storage import rounds
from services.storage.domain.audits import MOST_LOST, SLOW_SECONDS, Bookmark, Due, Examined, Verdict
from services.storage.examining import Examiner
from services.storage.findings import note_examined, tally, tell_losing
from services.storage.pacing import REAL, Paced, Times
from services.storage.queries import audits
from services.storage.queries.audits import Hand
from services.storage.queries.readings import note_whole
from services.storage.settings import StorageSettings
from shared.clock import now
from shared.faults import fault_point
from shared.messaging.gathering import Gatherer, recorder
from shared.messaging.lease import Lease, Piece
from shared.messaging.stints import rest
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import StaleLease, confirm, enqueue, finish, note

AUDIT = "audit"
"""Read a part of a site's copies again: permanent work, a row for each hand."""

STINT_SECONDS = 60.0
"""How long a hand reads before its work may go to another process."""

IDLE_SECONDS = 60.0
"""How long a hand rests when nothing is due."""

AT_ONCE = 100
"""Due copies that a hand asks for at a time."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What a hand found of one copy, and the lease under which it did; where it could not be read, where to go on."""

    held: Lease
    hand: Hand
    examined: Examined
    left: Bookmark | None = None


@dataclass(slots=True)
class Stint:
    """How a stint goes: the bookmark of the walk, the copies found lost, and the rest owed when it is over.

    `owed` is None when nothing is due any more.
    """

    left: Bookmark | None
    lost: int = 0
    owed: float | None = None

    @property
    def losing(self) -> bool:
        """Say whether so much was lost that it is the site which is to be looked at."""
        return self.lost >= MOST_LOST

    @property
    def rest(self) -> float:
        """Return how long the hand rests, in seconds."""
        owed = IDLE_SECONDS if self.owed is None else self.owed
        return max(owed, SLOW_SECONDS) if self.losing else owed

    def word(self, site: str) -> dict[str, Any]:
        """Return what is left in the work for the next stint, and for whoever asks which sites lose."""
        walk = {} if self.owed is None or self.left is None else {"left": self.left.word}
        return walk | ({"losing": site} if self.losing else {})


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
        self._moved = Gatherer(self._note_whole)

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
        stint = Stint(Bookmark.read(held.payload.get("left"), now()))
        await self._read(held, hand, stint)
        await rounds.end_if_done(self._database, site, self._free)
        async with self._database.begin() as tx:
            await note(tx, held, stint.word(site))
            await rest(tx, held, stint.rest)
        if stint.losing:
            tell_losing(site, stint.lost)

    async def _read(self, held: Lease, hand: Hand, stint: Stint) -> None:
        """Read until the stint is over, or so much was lost that this may be the end of the site."""
        paced = Paced(self._share, self._times, STINT_SECONDS)
        async for due in self._due(hand, stint.left):
            examined = await self._examiner.examine(due)
            unread = examined.verdict is Verdict.UNKNOWN
            if unread:
                stint.left = Bookmark.at(due, stint.left.left_at if stint.left else examined.at)
            examined = await self._note(Audited(held, hand, examined, stint.left if unread else None))
            tally(examined)
            fault_point("storage.audit.noted")
            stint.lost += examined.verdict.is_loss
            stint.owed = await paced.rest(examined.seconds)
            if stint.losing:
                stint.owed = stint.owed or 0.0
            if stint.owed is not None:
                return

    async def _note(self, found: Audited) -> Examined:
        """Write down what was found; return it as it then stands. Raises `StaleLease`."""
        if not found.examined.is_settled:
            return await self._noted.add(found)
        if not await self._moved.add(found):
            raise StaleLease(f"{found.held.kind} {found.held.key}")
        return found.examined

    async def _note_whole(self, readings: Sequence[Audited]) -> list[bool]:
        async with self._database.reading() as connection:
            ours = await note_whole(connection, [(one.held, one.hand, one.examined) for one in readings])
        return [one.held.id in ours for one in readings]

    async def _due(self, hand: Hand, left: Bookmark | None) -> AsyncIterator[Due]:
        before = now() - self._free
        last: Due | Bookmark | None = left
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
    for one in readings:
        if one.left is not None:
            await note(tx, one.held, {**one.held.payload, "left": one.left.word})
    found = await note_examined(tx, [one.examined for one in readings])
    await audits.count(tx.connection, [(one.hand, judged) for one, judged in zip(readings, found, strict=True)])
    return found
