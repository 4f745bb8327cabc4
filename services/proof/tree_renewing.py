"""Renew trees: before their algorithm falls, everything they prove goes under trees of another (RFC 4998, 5.3).

    an algorithm is due ──► campaign ──► packages read anew, one by one ──► renewals, with lines ──► campaign ended

What is under a new tree is bound to all that proved it until then. Renewals come one after another (`renewing`): so
what was there before one is what has a lower number.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof import renewal_listing
from services.proof import renewal_queries as renewals
from services.proof import tree_queries as queries
from services.proof.domain.evidence_record import sequence_der
from services.proof.domain.hash_tree import digest_size, split
from services.proof.domain.renewals import TREE, Plan
from services.proof.domain.tree_renewals import LinesLeaf, PackageLeaf, bound_group, bound_lines
from services.proof.evidence import (
    OtherLines,
    Trees,
    line_chains,
    line_generations,
    package_chains,
    package_generations,
)
from services.proof.renewal_queries import Newest
from services.proof.renewing import Renewer
from services.proof.rereading import ask
from services.proof.tree_queries import Campaign, LineRun, ReadPackage
from shared.checksums import Meter, sha512_of
from shared.clock import now, to_the_millisecond
from shared.faults import fault_point
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import RoomDatabase, Transaction

PACKAGES, BYTES = 10_000, 64 * 1024**2
"""Packages, and bytes of digests, under one renewal."""

RUNS, LINES = 5_000, 100_000
"""Runs, and lines, under one renewal: each line's own record is written for it."""

AGAIN = timedelta(days=30)
"""What was sealed under a falling algorithm since a campaign waits so long for the next one."""


@dataclass(slots=True)
class Leaves:
    """What goes under one renewal of trees, packages first."""

    packages: list[PackageLeaf] = field(default_factory=list)
    runs: list[LinesLeaf] = field(default_factory=list)

    @property
    def next_position(self) -> int:
        """Return where the next leaf stands; `renewal.json` is the first of all."""
        return 1 + len(self.packages) + len(self.runs)


class TreeRenewer:
    """Moves everything to trees of another algorithm; several processes may try at once."""

    def __init__(
        self,
        database: RoomDatabase,
        renewer: Renewer,
        packages_at_once: int,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Take the parts; `packages_at_once`: how many packages are asked to be read in each round."""
        self._database = database
        self._renewer = renewer
        self._at_once = packages_at_once
        self._now = clock

    async def renew_due(self, database: RoomDatabase) -> int:
        """Do what is next of a campaign, beginning one where an algorithm is due; return 1 if there is one."""
        async with database.reading() as connection:
            campaign = await queries.under_way(connection)
        campaign = campaign or await self._begin()
        if campaign is None:
            return 0
        async with database.begin() as tx:
            unread = await queries.unread(tx.connection, campaign, self._at_once)
            await ask(tx, campaign, unread)
        await self.plan(campaign, whole=not unread)
        return 1

    async def _begin(self) -> Campaign | None:
        calendar, at = self._renewer.calendar, self._now()
        to = calendar.algorithms.renew_with

        def is_due(algorithm: str) -> bool:
            return algorithm != to and calendar.tree_due(algorithm) <= at

        async with self._database.reading() as connection:
            used = await renewal_listing.algorithms(connection, is_due)
        if calendar.tree_due(to) <= at or not any(map(is_due, used)):
            return None
        async with self._database.begin() as tx:
            campaign = await queries.begin(tx.connection, to, at, at - AGAIN)
            if campaign is not None:
                tx.journal(_line("campaign.begun", campaign))
        fault_point("proof.campaign.begun")
        return campaign

    async def plan(self, campaign: Campaign, *, whole: bool) -> int | None:
        """Fix the next renewal of a campaign, once there is enough for one, or (`whole`) all was read.

        Returns its number; None while the last renewal has no token, and where another process was first. Ends the
        campaign where nothing is left. Raises `OtherLines`, which is an alarm.
        """
        async with self._database.snapshot() as connection:
            last = await renewals.newest(connection)
            if last is not None and not last.stamped:
                return None
            packages = await queries.waiting_packages(connection, campaign.algorithm, PACKAGES, BYTES)
            if not whole and len(packages) < PACKAGES:
                return None
            runs = await queries.waiting_runs(connection, campaign, RUNS, LINES)
            leaves = await _leaves(connection, campaign.algorithm, packages, runs)
        if leaves.next_position > 1:
            return await self._keep(campaign, last, leaves)
        await self._end(campaign, last)
        return None

    async def _keep(self, campaign: Campaign, last: Newest | None, leaves: Leaves) -> int | None:
        async def cover(tx: Transaction, number: int) -> None:
            connection, algorithm = tx.connection, campaign.algorithm
            if await queries.cover_packages(connection, number, algorithm, leaves.packages) != len(leaves.packages):
                raise AssertionError(f"renewal {number}: a package is under another one")
            await queries.cover_lines(connection, number, algorithm, leaves.runs)

        plan = _plan(campaign.algorithm, last, leaves, to_the_millisecond(self._now()))
        return await self._renewer.keep(plan, None, cover)

    async def _end(self, campaign: Campaign, last: Newest | None) -> None:
        number = 0 if last is None else last.named.number
        async with self._database.begin() as tx:
            if await queries.end(tx.connection, campaign, self._now()):
                tx.journal(_line("campaign.ended", campaign, renewals=number))
        fault_point("proof.campaign.ended")


async def _leaves(
    connection: AsyncConnection, algorithm: str, packages: Sequence[ReadPackage], runs: Sequence[LineRun]
) -> Leaves:
    leaves, trees = Leaves(), Trees()
    for package in packages:
        leaves.packages.append(await _package(connection, algorithm, package, (leaves.next_position, trees)))
    for run in runs:
        leaves.runs.append(await _run(connection, algorithm, run, leaves.next_position))
    return leaves


async def _package(
    connection: AsyncConnection, algorithm: str, package: ReadPackage, place: tuple[int, Trees]
) -> PackageLeaf:
    position, trees = place
    generations = await package_generations(connection, package.aip, package.version)
    if generations is None:
        raise AssertionError(f"aip {package.aip}, version {package.version} is not sealed")

    def group() -> tuple[bytes, bytes]:
        sequence = sequence_der(package_chains(generations, trees))
        return bound_group(algorithm, split(package.files, algorithm), sequence)

    return PackageLeaf(package.aip, package.version, *await asyncio.to_thread(group), position)


async def _run(connection: AsyncConnection, algorithm: str, run: LineRun, position: int) -> LinesLeaf:
    found = await run_leaves(connection, algorithm, run)
    if found is None:
        raise AssertionError(f"{run.name}, lines {run.first} to {run.last} are not sealed")
    return LinesLeaf(run.journal, run.name, run.first, run.last, *found, position)


async def run_leaves(
    connection: AsyncConnection, algorithm: str, run: LineRun, below: int | None = None
) -> tuple[bytes, bytes] | None:
    """Return the leaf of each line of a run for its next tree, and the root of these; None where it is not sealed.

    `below`: as it was before the renewal of that number. Raises `OtherLines`.
    """
    found = await line_generations(connection, run.journal, run.first, below)
    if found is None:
        return None
    bodies = await queries.line_bodies(connection, run)
    _, generations = found

    def leaves() -> tuple[bytes, bytes]:
        if b"".join(bytes.fromhex(sha512_of(body)) for body in bodies) != generations[0].digests:
            raise OtherLines(f"{run.name}, lines {run.first} to {run.last}: a line is not what its digest says")
        trees = Trees()
        sequences = (sequence_der(line_chains(generations, index, trees)) for index in range(len(bodies)))
        return bound_lines(algorithm, bodies, sequences)

    return await asyncio.to_thread(leaves)


def _plan(algorithm: str, last: Newest | None, leaves: Leaves, at: datetime) -> Plan:
    members = Meter()
    for package in leaves.packages:
        members.update(package.digests)
    size = digest_size(algorithm)
    return Plan(
        number=1 if last is None else last.named.number + 1,
        kind=TREE,
        at=at,
        algorithm=algorithm,
        previous=None if last is None else last.named,
        rows=[*(one.row(size) for one in leaves.packages), *(one.row for one in leaves.runs)],
        values=[*(one.leaf for one in leaves.packages), *(one.root for one in leaves.runs)],
        members=members.measure(),
    )


def _line(action: str, campaign: Campaign, **more: int) -> JournalLineV1:
    return JournalLineV1(
        kind="events",
        action=action,
        actor="room:proof",
        object=f"campaign:{campaign.number}",
        details={"algorithm": campaign.algorithm, "through": campaign.through, **more},
    )
