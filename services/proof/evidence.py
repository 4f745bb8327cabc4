"""Evidence of packages and of lines, derived from seals and renewals whenever it is asked for (docs/proof-format.md).

What was there before a renewal of the tree is what it took the digest of: the number of a renewal says what that was.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof import evidence_queries as queries
from services.proof.domain.evidence_record import Stamp
from services.proof.domain.hash_tree import HashTree, Path, split
from services.proof.domain.renewals import digest
from services.proof.evidence_queries import Placed

Chains = Sequence[Sequence[Stamp]]
"""What proves something: chains of time-stamps, the oldest first."""

_LAST = 2**63 - 1


class OtherLines(Exception):
    """The lines that a journal has are not those that were sealed."""


@dataclass(frozen=True, slots=True)
class Generation:
    """A tree that something was put under, and the renewals of its token since; `digests`: its group, or lines."""

    placed: Placed
    digests: bytes
    renewals: Sequence[Placed]


class Trees:
    """Trees that were built, for whoever asks for many leaves of few trees."""

    def __init__(self) -> None:
        self._built: dict[tuple[bytes, str], HashTree] = {}

    def of(self, leaves: bytes, algorithm: str) -> HashTree:
        """Return the tree over leaves."""
        found = self._built.get((leaves, algorithm))
        if found is None:
            found = self._built[leaves, algorithm] = HashTree(leaves, algorithm)
        return found

    def path(self, placed: Placed) -> Path:
        """Return the way from a place to its root."""
        return self.of(placed.leaves, placed.algorithm).path(placed.position)


async def chains_of(connection: AsyncConnection, aip: UUID, version: int) -> Chains | None:
    """Return what proves a version of a package; None where its seal, or the token of that, is not there yet."""
    found = await package_generations(connection, aip, version)
    # A tree of 100,000 leaves takes a quarter of a second: in a thread, so that nobody else waits for it.
    return None if found is None else await asyncio.to_thread(package_chains, found, Trees())


async def package_generations(connection: AsyncConnection, aip: UUID, version: int) -> list[Generation] | None:
    """Return the trees that a version of a package is under, the oldest first; None as for `chains_of`."""
    found = await queries.sealed_package(connection, aip, version)
    if found is None:
        return None
    return await _generations(connection, [found, *await queries.renewed_groups(connection, aip, version)])


def package_chains(generations: Sequence[Generation], trees: Trees) -> Chains:
    """Return the chains of a package that is under these trees."""
    return [
        _chain(one, (tuple(split(one.digests, one.placed.algorithm)), *trees.path(one.placed)), trees)
        for one in generations
    ]


async def chains_of_line(connection: AsyncConnection, journal: int, number: int) -> Chains | None:
    """Return what proves a line of a journal (its id); as for `chains_of`.

    Raises `OtherLines`, which is an alarm: the journal was changed after it was sealed.
    """
    found = await line_generations(connection, journal, number)
    if found is None:
        return None
    first, generations = found
    return await asyncio.to_thread(line_chains, generations, number - first, Trees())


async def line_generations(
    connection: AsyncConnection, journal: int, number: int, below: int | None = None
) -> tuple[int, list[Generation]] | None:
    """Return the first line of the run that a line is in, and the trees that this run is under, the oldest first.

    `below`: only those before the renewal of that number, and as they were then. None as for `chains_of`.
    Raises `OtherLines`.
    """
    found = await queries.sealed_lines(connection, journal, number)
    if found is None:
        return None
    digests = b"".join(await queries.line_digests(connection, journal, found.first, found.last))
    if not digests or await asyncio.to_thread(_root, digests, found.sealed.algorithm) != found.root:
        raise OtherLines(f"journal {journal}, lines {found.first} to {found.last}, seal {found.sealed.number}")
    end = below or _LAST
    runs = await queries.renewed_runs(connection, journal, found.first)
    renewed = [one for one in runs if one[0].number < end]
    return found.first, await _generations(connection, [(found.sealed, digests), *renewed], end)


def line_chains(generations: Sequence[Generation], index: int, trees: Trees) -> Chains:
    """Return the chains of the line at an index of a run that is under these trees."""
    chains = []
    for one in generations:
        algorithm = one.placed.algorithm
        lines = trees.of(one.digests, algorithm)
        path = ((lines.value(index),), *lines.path(index), *trees.path(one.placed))
        chains.append(_chain(one, path, trees))
    return chains


def _root(digests: bytes, algorithm: str) -> bytes:
    return HashTree(digests, algorithm).root


async def _generations(
    connection: AsyncConnection, found: Sequence[tuple[Placed, bytes]], below: int = _LAST
) -> list[Generation]:
    # A tree's renewals count until the next tree: that one took the digest of what was there before it.
    ends = [*(placed.number for placed, _ in found[1:]), below]
    return [
        Generation(placed, digests, await queries.later(connection, placed, end))
        for (placed, digests), end in zip(found, ends, strict=True)
    ]


def _chain(one: Generation, path: Path, trees: Trees) -> Sequence[Stamp]:
    stamps = [Stamp(one.placed.algorithm, path, one.placed.token)]
    for later in one.renewals:
        before = tuple(sorted({digest(later.algorithm, stamp.token) for stamp in stamps}))
        stamps.append(Stamp(later.algorithm, (before, *trees.path(later)), later.token))
    return stamps
