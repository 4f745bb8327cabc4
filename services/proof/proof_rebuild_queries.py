"""Every question of a rebuild about anchors and seals, and every row it adds. Callers own the transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof import seal_queries
from services.proof.domain.read_proofs import ReadAnchor, ReadSeal
from services.proof.tables import anchor, filed, journal, seal
from shared.messages.proof import ProofKind

_NOTE_JOURNALS = text(
    """INSERT INTO anchored_journal (journal, number)
       SELECT journal.id, told.number
       FROM unnest(CAST(:names AS text[]), CAST(:numbers AS bigint[])) AS told (name, number)
       JOIN journal USING (name)
       ON CONFLICT (journal) DO UPDATE SET number = greatest(excluded.number, anchored_journal.number)"""
)
_NOTE_SENDERS = text(
    """INSERT INTO anchored_sender (sender, batch)
       SELECT * FROM unnest(CAST(:names AS text[]), CAST(:numbers AS bigint[]))
       ON CONFLICT (sender) DO UPDATE SET batch = greatest(excluded.batch, anchored_sender.batch)"""
)


async def add_anchor(connection: AsyncConnection, read: ReadAnchor, stored_at: datetime, size: int) -> bool:
    """Add an anchor that every site is taken to have; say whether another of its number is there."""
    row = {"number": read.number, "at": read.at, "sha512": bytes.fromhex(read.sha512), "body": None}
    await connection.execute(insert(anchor).values(row).on_conflict_do_nothing())
    there = await connection.scalar(select(anchor.c.sha512).where(anchor.c.number == read.number))
    if there != row["sha512"]:
        return True
    for statement, heads in ((_NOTE_JOURNALS, read.heads), (_NOTE_SENDERS, read.senders)):
        values = {"names": list(heads), "numbers": [head.number for head in heads.values()]}
        await connection.execute(statement, values)
    await _file(connection, "anchor", read.number, (read.sha512, size), stored_at)
    return False


async def _file(
    connection: AsyncConnection, kind: ProofKind, number: int, file: tuple[str, int], stored_at: datetime
) -> None:
    row = {
        "kind": kind,
        "number": number,
        "sha512": bytes.fromhex(file[0]),
        "size": file[1],
        "filed_at": stored_at,
        "stored_at": stored_at,
    }
    await connection.execute(insert(filed).values(row).on_conflict_do_nothing())


async def add_seal(connection: AsyncConnection, read: ReadSeal, file: tuple[str, int], stored_at: datetime) -> bool:
    """Add a seal with what it covers; say whether another of its number is there."""
    row = {
        "number": read.number,
        "at": read.at,
        "algorithm": read.algorithm,
        "body": read.body,
        "heads": read.heads,
        "leaves": read.leaves,
        "root": read.root,
        "signature": read.signature,
        "probative": read.probative,
        "token": read.token,
        "token_at": read.token_at,
        "serial": read.serial,
        "stamped_at": read.token_at,
    }
    await connection.execute(insert(seal).values(row).on_conflict_do_nothing())
    there = await connection.scalar(select(seal.c.body).where(seal.c.number == read.number))
    if there != read.body:
        return True
    await _cover(connection, read)
    await _file(connection, "seal", read.number, file, stored_at)
    return False


async def _cover(connection: AsyncConnection, read: ReadSeal) -> None:
    names = [name for name, _ in read.covered]
    rows = await connection.execute(select(journal.c.name, journal.c.id).where(journal.c.name.in_(names)))
    ids = {row.name: row.id for row in rows}
    # Of lines that did not come back there is nothing to prove here: the seal on the sites has their row. What takes
    # their numbers from now on comes under a seal of its own.
    ends = await line_digests(connection, [(name, one.head.number) for name, one in read.covered])
    known = [
        (ids[name], one)
        for name, one in read.covered
        if name in ids and ends.get((name, one.head.number)) == one.head.sha512
    ]
    await seal_queries.cover_again(connection, read.number, known)
    if read.packages:
        values = _groups(read)
        await connection.execute(_ADD_GROUPS, values)
        # Of those that a back-up had, and had in no seal yet.
        placing = {name: values[name] for name in ("seal", "aips", "versions", "leaves", "positions")}
        await connection.execute(_PLACE_GROUPS, placing)


def _groups(read: ReadSeal) -> dict[str, object]:
    packages = [package for package, _ in read.packages]
    return {
        "seal": read.number,
        "at": read.at,
        "establishments": [package.establishment for package in packages],
        "aips": [package.aip for package in packages],
        "versions": [package.version for package in packages],
        "digests": [package.digests for package in packages],
        "leaves": [package.leaf for package in packages],
        "positions": [position for _, position in read.packages],
    }


_ADD_GROUPS = text(
    """INSERT INTO package_group (aip, version, establishment, stored_at, digests, leaf, seal, position)
       SELECT aip, version, establishment, CAST(:at AS timestamptz), digests, leaf, CAST(:seal AS bigint), position
       FROM unnest(CAST(:aips AS uuid[]), CAST(:versions AS integer[]), CAST(:establishments AS uuid[]),
            CAST(:digests AS bytea[]), CAST(:leaves AS bytea[]), CAST(:positions AS integer[]))
            AS told (aip, version, establishment, digests, leaf, position)
       ON CONFLICT (aip, version) DO UPDATE SET digests = excluded.digests, leaf = excluded.leaf
       WHERE package_group.leaf IS NULL"""
)
_PLACE_GROUPS = text(
    """UPDATE package_group SET seal = CAST(:seal AS bigint), position = told.position
       FROM unnest(CAST(:aips AS uuid[]), CAST(:versions AS integer[]), CAST(:leaves AS bytea[]),
            CAST(:positions AS integer[])) AS told (aip, version, leaf, position)
       WHERE package_group.aip = told.aip AND package_group.version = told.version
         AND package_group.leaf = told.leaf AND package_group.seal IS NULL"""
)


_DIGESTS = text(
    """SELECT journal.name, line.number, line.sha512
       FROM unnest(CAST(:names AS text[]), CAST(:numbers AS bigint[])) AS told (name, number)
       JOIN journal USING (name) JOIN line ON line.journal = journal.id AND line.number = told.number"""
)


async def line_digests(connection: AsyncConnection, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Return the digests of lines by journal and number, of those that are here."""
    values = {"names": [name for name, _ in wanted], "numbers": [number for _, number in wanted]}
    return {(row.name, row.number): row.sha512.hex() for row in await connection.execute(_DIGESTS, values)}
