"""Evidence of packages and of lines, derived from seals whenever it is asked for (docs/proof-format.md)."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof import evidence_queries as queries
from services.proof.domain.evidence_record import Stamp
from services.proof.domain.hash_tree import HashTree, Path, split
from services.proof.evidence_queries import Sealed

Chains = Sequence[Sequence[Stamp]]
"""What proves something: chains of time-stamps, the oldest first."""


class OtherLines(Exception):
    """The lines that a journal has are not those that were sealed."""


async def chains_of(connection: AsyncConnection, aip: UUID, version: int) -> Chains | None:
    """Return what proves a version of a package; None where its seal, or the token of that, is not there yet."""
    found = await queries.sealed_package(connection, aip, version)
    if found is None:
        return None
    sealed, digests = found
    return await asyncio.to_thread(_stamped, sealed, (tuple(split(digests, sealed.algorithm)),))


async def chains_of_line(connection: AsyncConnection, journal: int, number: int) -> Chains | None:
    """Return what proves a line of a journal (its id); as for `chains_of`.

    Raises `OtherLines`, which is an alarm: the journal was changed after it was sealed.
    """
    found = await queries.sealed_lines(connection, journal, number)
    if found is None:
        return None
    digests = await queries.line_digests(connection, journal, found.first, found.last)

    def chains() -> Chains:
        tree = HashTree(digests, found.sealed.algorithm)
        if tree.root != found.root:
            raise OtherLines(f"journal {journal}, lines {found.first} to {found.last}, seal {found.sealed.number}")
        position = number - found.first
        return _stamped(found.sealed, ((digests[position],), *tree.path(position)))

    return await asyncio.to_thread(chains)


def _stamped(sealed: Sealed, inner: Path) -> Chains:
    # A tree of 100,000 leaves takes a quarter of a second: in a thread, so that nobody else waits for it.
    outer = HashTree(sealed.leaves, sealed.algorithm).path(sealed.position)
    return ((Stamp(sealed.algorithm, (*inner, *outer), sealed.token),),)
