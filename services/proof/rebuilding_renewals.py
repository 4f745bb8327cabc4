"""Renewals come back from a site: added where missing, in their order, held to what came back before them."""

from collections.abc import AsyncIterator
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof import tree_queries
from services.proof.domain.read_renewals import ReadRenewal, ReadRun
from services.proof.domain.tree_renewals import LinesLeaf
from services.proof.evidence import OtherLines
from services.proof.renewal_tables import renewal, renewed, renewed_lines
from services.proof.tables import filed, journal
from services.proof.tree_queries import LineRun
from services.proof.tree_renewing import run_leaves
from shared.faults import fault_point
from shared.messaging.transaction import RoomDatabase


async def take_renewal(
    database: RoomDatabase, read: ReadRenewal, file: tuple[str, int], stored_at: datetime
) -> list[str]:
    """Keep a renewal; `file` is the digest and size of its container. Return what this database contradicts."""
    async with database.begin() as tx:
        connection = tx.connection
        await connection.execute(insert(renewal).values(_row(read)).on_conflict_do_nothing())
        there = await connection.scalar(select(renewal.c.body).where(renewal.c.number == read.number))
        if there != read.body:
            return ["the database has another renewal of this number"]
        await _cover(connection, read)
        said = [fault async for fault in _cover_lines(connection, read)]
        row = {"kind": "renewal", "number": read.number, "sha512": bytes.fromhex(file[0]), "size": file[1]}
        times = {"filed_at": stored_at, "stored_at": stored_at}
        await connection.execute(insert(filed).values({**row, **times}).on_conflict_do_nothing())
    fault_point("rebuild.proofs.renewal")
    return said


def _row(read: ReadRenewal) -> dict[str, object]:
    return {
        "number": read.number,
        "kind": read.kind,
        "at": read.at,
        "algorithm": read.algorithm,
        "body": read.body,
        "rows": read.rows,
        "leaves": read.leaves,
        "root": read.root,
        "signature": read.signature,
        "probative": read.probative,
        "token": read.token,
        "token_at": read.token_at,
        "stamped_at": read.token_at,
        "serial": read.serial,
    }


# Of a package that did not come back there is nothing to prove here: the renewal on the sites has its row.
_PACKAGES = text(
    """INSERT INTO renewed_package (algorithm, aip, version, digests, leaf, renewal, position)
       SELECT :algorithm, told.aip, told.version, told.digests, told.leaf, :renewal, told.position
       FROM unnest(CAST(:aips AS uuid[]), CAST(:versions AS integer[]), CAST(:digests AS bytea[]),
           CAST(:leaves AS bytea[]), CAST(:positions AS integer[])) AS told (aip, version, digests, leaf, position)
       JOIN package_group USING (aip, version)
       ON CONFLICT (algorithm, aip, version) DO UPDATE SET files = NULL, digests = excluded.digests,
           leaf = excluded.leaf, renewal = excluded.renewal, position = excluded.position
       WHERE renewed_package.renewal IS NULL"""
)


async def _cover(connection: AsyncConnection, read: ReadRenewal) -> None:
    rows = [
        {"kind": one.kind, "number": one.number, "renewal": read.number, "position": position}
        for position, one in enumerate(read.stamps, 1)
    ]
    if rows:
        await connection.execute(insert(renewed).on_conflict_do_nothing(), rows)
    if read.packages:
        values = {
            "algorithm": read.algorithm,
            "renewal": read.number,
            "aips": [one.aip for one in read.packages],
            "versions": [one.version for one in read.packages],
            "digests": [one.digests for one in read.packages],
            "leaves": [one.leaf for one in read.packages],
            "positions": [one.position for one in read.packages],
        }
        await connection.execute(_PACKAGES, values)


async def _cover_lines(connection: AsyncConnection, read: ReadRenewal) -> AsyncIterator[str]:
    """Bind each run of lines again to what proved it before, and say where that comes to something else."""
    known = select(renewed_lines.c.journal, renewed_lines.c.first).where(renewed_lines.c.renewal == read.number)
    there = {(row.journal, row.first) for row in await connection.execute(known)}
    names = {one.journal for one in read.runs}
    rows = await connection.execute(select(journal.c.name, journal.c.id).where(journal.c.name.in_(names)))
    ids = {row.name: row.id for row in rows}
    for run in read.runs:
        if run.journal in ids and (ids[run.journal], run.first) not in there:
            fault = await _cover_run(connection, read, run, ids[run.journal])
            if fault is not None:
                yield fault


async def _cover_run(connection: AsyncConnection, read: ReadRenewal, run: ReadRun, journal_id: int) -> str | None:
    told = LineRun(journal_id, run.journal, run.first, run.last)
    try:
        found = await run_leaves(connection, read.algorithm, told, below=read.number)
    except OtherLines as error:
        return str(error)
    if found is None or found[1] != run.root:
        return f"lines {run.first} to {run.last} of {run.journal} are not those that were renewed"
    leaf = LinesLeaf(journal_id, run.journal, run.first, run.last, *found, run.position)
    await tree_queries.cover_lines(connection, read.number, read.algorithm, [leaf])
    return None
