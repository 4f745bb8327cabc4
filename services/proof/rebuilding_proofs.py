"""Anchors and seals come back from a site: added where they are missing, never changed, held to what is known.

What journals came back with must be what anchors and seals say of them: a rewritten journal is named here.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from services.proof import proof_rebuild_queries as queries
from services.proof.domain.line import Head
from services.proof.domain.read_proofs import ReadAnchor, ReadSeal
from shared.faults import fault_point
from shared.messaging.transaction import RoomDatabase


async def take_anchor(database: RoomDatabase, anchor: ReadAnchor, stored_at: datetime, size: int) -> list[str]:
    """Keep an anchor; return what it says that this database contradicts, for people."""
    async with database.begin() as tx:
        other = await queries.add_anchor(tx.connection, anchor, stored_at, size)
    fault_point("rebuild.proofs.anchor")
    return ["the database has another anchor of this number"] if other else []


async def take_seal(database: RoomDatabase, seal: ReadSeal, file: tuple[str, int], stored_at: datetime) -> list[str]:
    """Keep a seal; `file` is the digest and size of its container. Return what this database contradicts."""
    async with database.begin() as tx:
        other = await queries.add_seal(tx.connection, seal, file, stored_at)
    fault_point("rebuild.proofs.seal")
    return ["the database has another seal of this number"] if other else []


async def contradicted(database: RoomDatabase, heads: Mapping[str, Head]) -> list[str]:
    """Return what journals here say otherwise than these heads, for people."""
    async with database.reading() as connection:
        found = await queries.line_digests(connection, [(name, head.number) for name, head in heads.items()])
    return list(_differing(heads, found))


async def lost(database: RoomDatabase, heads: Mapping[str, Head]) -> list[tuple[str, int]]:
    """Return the heads that are not here: what these journals had last is in no container."""
    async with database.reading() as connection:
        found = await queries.line_digests(connection, [(name, head.number) for name, head in heads.items()])
    return [(name, head.number) for name, head in sorted(heads.items()) if (name, head.number) not in found]


def _differing(heads: Mapping[str, Head], found: Mapping[tuple[str, int], str]) -> Iterator[str]:
    for name, head in heads.items():
        here = found.get((name, head.number))
        if here is not None and here != head.sha512:
            yield f"line {head.number} of {name} is another one"
