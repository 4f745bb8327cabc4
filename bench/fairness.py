"""What one town's small deposits cost it while another floods the archive, and while large deposits are under way."""

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from bench import workloads
from bench.archives import Archive, another_town
from bench.driver import Deposit, Depositor, Load, depositing, sustain
from bench.figures import Figure, Outcome, Verdict, memory_figures, percentile
from bench.options import Options
from bench.processes import Watch
from bench.workloads import Series
from shared.rooms import ROOMS

ALONE = 20
"""Deposits of the town with nobody else there, one after the other."""

FLOOD = 300
IN_FLOOD = 150
"""Deposits of the other town in hand at once: some ten seconds of work."""
FLOOD_PACE = 0.02

LARGE = 3
"""Large deposits of the other town at once: more than are checked at one time."""

# A town's deposit waits for what is in hand, and not for what waits.
HALF = 0.5


def fairness(archive: Archive, options: Options, folder: Path) -> Outcome:
    """Deposit for one town alone, beside a flood of another's, and beside large deposits of another's."""
    town = another_town(archive)
    large = workloads.large_file(Series("beside", options.seed), options.fair_bytes, folder / "large.bin")
    series = (Series(f"beside-{number}", options.seed) for number in range(LARGE))
    sips = [workloads.large_sip(one, large, folder / f"{one.name}.zip") for one in series]
    with Watch(ROOMS) as watch:
        done = asyncio.run(_measured(archive, town, options, folder, sips))
    delays = {when: percentile([one.delay for one in deposits], 95) for when, deposits in done.items()}
    flood, of_flood, beside, of_large = (delays[when] for when in WHEN[1:])
    verdicts = (
        Verdict("beside a flood / in it", flood / of_flood, HALF, at_most=True),
        Verdict("beside large / of large", beside / of_large, HALF, at_most=True),
    )
    figures = [Figure(f"received → accepted p95 {when}", delay, "s") for when, delay in delays.items()]
    count = sum(map(len, done.values()))
    return Outcome(archive.mode, "fairness", count, (*figures, *memory_figures(watch.result)), verdicts, watch.result)


WHEN = ("alone", "beside a flood", "in the flood", "beside large deposits", "of the large deposits")


async def _measured(
    archive: Archive, town: Archive, options: Options, folder: Path, large: Sequence[Path]
) -> dict[str, list[Deposit]]:
    async with depositing(town) as ours, depositing(archive) as theirs:
        small = _Small(ours, options, folder)
        place = folder / "flood"
        place.mkdir()

        def flood(number: int, where: Path) -> Path:
            series = Series("flood", options.seed)
            return workloads.small_sip(series, number, where / "sip.zip", options.small_bytes)

        load = Load(FLOOD, options.patience, IN_FLOOD, options.patience, FLOOD_PACE)
        alone = await small.deposits(ALONE)
        beside_flood, in_flood = await small.beside(sustain(theirs, flood, load, place))
        beside_large, of_large = await small.beside(_together(theirs, large, options.patience))
    return dict(zip(WHEN, (alone, beside_flood, in_flood, beside_large, of_large), strict=True))


async def _together(depositor: Depositor, sips: Sequence[Path], patience: float) -> list[Deposit]:
    return list(await asyncio.gather(*(depositor.deposit(sip, patience) for sip in sips)))


class _Small:
    """One town's small deposits, one after the other."""

    def __init__(self, depositor: Depositor, options: Options, folder: Path) -> None:
        self._depositor = depositor
        self._options = options
        self._place = folder / "ones"
        self._place.mkdir()
        self._number = 0

    async def deposits(self, count: int) -> list[Deposit]:
        """Deposit so many."""
        return [await self._one() for _ in range(count)]

    async def beside(self, others: Coroutine[Any, Any, list[Deposit]]) -> tuple[list[Deposit], list[Deposit]]:
        """Deposit until those of others are done; return ours and theirs."""
        meanwhile = asyncio.create_task(others)
        done = []
        while not meanwhile.done():
            done.append(await self._one())
        return done, await meanwhile

    async def _one(self) -> Deposit:
        self._number += 1
        series = Series("ones", self._options.seed)
        sip = await asyncio.to_thread(
            workloads.small_sip, series, self._number, self._place / "sip.zip", self._options.small_bytes
        )
        return await self._depositor.deposit(sip, self._options.patience)
