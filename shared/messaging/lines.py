"""Journal lines that no other write goes with: of what was read, and of who was refused at the door."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.identity.rights import Permission
from shared.messages.journal import JournalLineV1
from shared.messaging.gathering import Gatherer, recorder
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.telling import told

log = logging.getLogger(__name__)

REFUSED = "access.refused"

PERIOD_SECONDS = 60.0
"""One line of an asker, a reason and a right in this time: whoever asks all day fills no journal."""

REMEMBERED = 1024
"""Askers, reasons and rights of one period that are told apart; beyond them, all are `OTHERS`."""

OTHERS = "others"

CLOSING_SECONDS = 2.0
"""How long a room that closes may take to tell what it has counted."""

Lines = Gatherer[JournalLineV1, None]
"""Writes lines, and answers once they are committed; those of one moment share a transaction."""


def line_writer(database: RoomDatabase) -> Lines:
    """Return what writes a room's lines about what it only reads; `add` raises as a transaction does."""
    return recorder(database, _write)


async def _write(tx: Transaction, lines: Sequence[JournalLineV1]) -> Sequence[None]:
    for line in lines:
        tx.journal(line)
    return [None] * len(lines)


@dataclass(frozen=True, slots=True)
class Refused:
    """Who was refused (``client:<uuid>``, ``anonymous``), why (the code of the answer), which right was asked."""

    actor: str
    reason: str
    permission: str


@dataclass(slots=True)
class _Count:
    untold: int = 0
    told_at: float | None = None


class Refusals:
    """Counts who is refused by a room (401, 403, 404), and tells: the first at once, the rest once a minute.

    Nobody waits for a line: who may not enter must not be able to have the room wait for its database either. So a
    crash loses what was refused in the last moments, and no more. Source: requirement PRV-13.
    """

    def __init__(self, database: RoomDatabase, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._counts: dict[Refused, _Count] = {}
        self._telling: asyncio.Task[None] | None = None

    def note(self, actor: str, permission: Permission, reason: str) -> None:
        """Count a refusal; have it told at once where the last line about the like is a minute old."""
        refused = Refused(actor, reason, permission.value)
        if refused not in self._counts and len(self._counts) >= REMEMBERED:
            refused = Refused(OTHERS, reason, permission.value)
        count = self._counts.setdefault(refused, _Count())
        count.untold += 1
        if self._telling is None and self._is_due(count):
            self._telling = asyncio.create_task(self._tell_due(), name="refusals told")

    async def run(self) -> None:
        """Tell every minute what was counted since, and forget who has not come again."""
        while True:
            await asyncio.sleep(PERIOD_SECONDS)
            await self.tell_all()

    async def tell_all(self) -> None:
        """Tell all that is counted and not told."""
        if self._telling is not None:
            await asyncio.gather(self._telling, return_exceptions=True)
        self._counts = {refused: count for refused, count in self._counts.items() if not self._is_forgotten(count)}
        await self._tell({refused: count for refused, count in self._counts.items() if count.untold})

    async def close(self) -> None:
        """Tell what is left, as far as the database answers."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self.tell_all()

    def _is_due(self, count: _Count) -> bool:
        return count.told_at is None or self._clock() - count.told_at >= PERIOD_SECONDS

    def _is_forgotten(self, count: _Count) -> bool:
        return count.untold == 0 and self._is_due(count)

    async def _tell_due(self) -> None:
        """Tell whom nothing was told of for a minute; whoever comes meanwhile, too. After a failure, others will."""
        try:
            while due := {one: count for one, count in self._counts.items() if count.untold and self._is_due(count)}:
                if not await self._tell(due):
                    return
        finally:
            self._telling = None

    async def _tell(self, counts: dict[Refused, _Count]) -> bool:
        """Write a line for each, in one transaction, and say whether they are written; if not, count them again."""
        if not counts:
            return True
        telling = {refused: count.untold for refused, count in counts.items()}
        for count in counts.values():
            count.untold, count.told_at = 0, self._clock()
        try:
            async with self._database.begin() as tx:
                for refused, attempts in telling.items():
                    tx.journal(_line(self._database.room, refused, attempts))
        except Exception as error:  # noqa: BLE001 (whatever it was, the refusals stand, and are told later)
            for refused, attempts in telling.items():
                counts[refused].untold += attempts
            log.warning("refusals not told yet", extra={"of": self._database.room, "reason": told(error)})
            return False
        return True


def _line(room: str, refused: Refused, attempts: int) -> JournalLineV1:
    return JournalLineV1(
        kind="events",
        action=REFUSED,
        actor=refused.actor,
        outcome="ko",
        object=f"room:{room}",
        details={"reason": refused.reason, "permission": refused.permission, "attempts": attempts},
    )
