"""Samples: copies drawn by lot on a site and read now, whoever asked; a copy that nobody could read is unknown."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.storage import runs as asked
from services.storage.domain.audits import MOST_LOST, SLOW_SECONDS, Examined, Verdict
from services.storage.examining import Examiner
from services.storage.findings import note_examined, tally, tell_losing
from services.storage.pacing import REAL, Paced, Times
from services.storage.queries import runs
from shared.faults import fault_point
from shared.messaging.gathering import recorder
from shared.messaging.lease import Lease
from shared.messaging.outcome import TryAgain
from shared.messaging.stints import rest
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import confirm, note

AT_ONCE = 100

SITE_ATTEMPTS = 5
"""How often a site that is away is asked, over a minute and a half, before its copies are unknown."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """What was found of one copy of a sample."""

    held: Lease
    run: UUID
    examined: Examined


class Sampler:
    """Reads samples, a site of one at a time."""

    def __init__(self, database: RoomDatabase, examiner: Examiner, share: float, times: Times = REAL) -> None:
        self._database = database
        self._examiner = examiner
        self._share = share
        self._times = times
        self._noted = recorder(database, note_sampled)

    async def sample(self, held: Lease) -> None:
        """Read what a sample drew on a site; taken up again after a crash, it reads what was not read yet."""
        run, site = asked.subject_of(held)
        drawn = held.payload.get("drawn")
        if drawn is None:
            drawn = await self._draw(held, run, site)
        try:
            if await self._read(held, run, site) >= MOST_LOST:
                await self._slow_down(held, site, drawn)
                return
        except TryAgain:
            if held.attempts < SITE_ATTEMPTS:
                raise
        async with self._database.begin() as tx:
            await confirm(tx, held)
            # What is no longer there to be read, or whose site is away, is not known to be whole.
            await runs.give_up(tx.connection, run, site)
            found = await runs.outcomes(tx.connection, run, site)
            await asked.end(tx, held, {"drawn": drawn, **found})
        fault_point("storage.sample.ended")

    async def _draw(self, held: Lease, run_id: UUID, site: str) -> int:
        async with self._database.begin() as tx:
            run = await runs.find(tx.connection, run_id)
            if run is None:
                raise AssertionError(f"work on a run that does not exist: {held.key}")
            drawn = await runs.draw(tx.connection, run, site)
            await note(tx, held, {"drawn": drawn})
        fault_point("storage.sample.drawn")
        return drawn

    async def _slow_down(self, held: Lease, site: str, drawn: int) -> None:
        async with self._database.begin() as tx:
            await note(tx, held, {"drawn": drawn, "losing": site})
            await rest(tx, held, SLOW_SECONDS)
        tell_losing(site, MOST_LOST)

    async def _read(self, held: Lease, run: UUID, site: str) -> int:
        """Read what was not read yet, until too much was lost; return how much was."""
        lost = 0
        paced = Paced(self._share, self._times)
        while site in self._examiner.sites and lost < MOST_LOST:
            async with self._database.reading() as connection:
                found = await runs.following(connection, run, site, min(AT_ONCE, MOST_LOST - lost))
            if not found:
                break
            for due in found:
                examined = await self._noted.add(Sampled(held, run, await self._examiner.examine(due)))
                tally(examined)
                fault_point("storage.sample.noted")
                lost += examined.verdict.is_loss
                await paced.rest(examined.seconds)
        return lost


async def note_sampled(tx: Transaction, readings: Sequence[Sampled]) -> list[Examined]:
    """Write down what was found of copies of samples, each under its own lease."""
    await confirm(tx, *(one.held for one in readings))
    found = await note_examined(tx, [one.examined for one in readings])
    for one, judged in zip(readings, found, strict=True):
        await runs.set_outcome(tx.connection, one.run, judged.due, _outcome(judged))
    return found


def _outcome(judged: Examined) -> str:
    # Whole, and yet something that a person must look at.
    return "overlaid" if judged.verdict is Verdict.WHOLE and judged.overlaid else judged.verdict
