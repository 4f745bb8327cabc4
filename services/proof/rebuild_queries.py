"""Every question of a rebuild about journals, and every line it adds. Callers own the transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof import queries
from services.proof.domain.line import Head, journal_name
from services.proof.domain.rebuilt import Container, ReadLine
from services.proof.tables import container, journal, line
from shared.messages.journal import JournalKind


@dataclass(frozen=True, slots=True)
class SenderHead:
    """The last batch of a sender of which a line is kept, and how many before it have left no line."""

    sender: str
    batch: int
    sha512: str
    unknown: int


async def open_journal(connection: AsyncConnection, kind: JournalKind, establishment: UUID | None) -> int:
    """Return the id of a journal, which there is afterwards."""
    name = journal_name(kind, establishment)
    return (await queries.journal_heads(connection, {name: (kind, establishment)}))[name][0]


async def digests(connection: AsyncConnection, journal_id: int, first: int, last: int) -> dict[int, bytes]:
    """Return the digests of the lines that are there from one number to another."""
    query = select(line.c.number, line.c.sha512).where(
        line.c.journal == journal_id, line.c.number.between(first, last)
    )
    return {row.number: row.sha512 for row in await connection.execute(query)}


_KEEP_LINES = text(
    """INSERT INTO line (journal, number, sha512, transfer_id, body)
       SELECT CAST(:journal AS integer), * FROM unnest(CAST(:numbers AS bigint[]), CAST(:digests AS bytea[]),
           CAST(:transfers AS uuid[]), CAST(:bodies AS bytea[]))"""
)
# Lines of one batch stand in several journals: whichever comes first makes the batch known.
_KEEP_BATCHES = text(
    """WITH told AS (
           SELECT DISTINCT ON (sender, number) *
           FROM unnest(CAST(:senders AS text[]), CAST(:batches AS bigint[]), CAST(:batch_digests AS bytea[]),
               CAST(:moments AS timestamptz[])) AS told (sender, number, sha512, kept_at)
           ORDER BY sender, number),
       added AS (INSERT INTO batch (sender, number, sha512, kept_at) SELECT * FROM told ON CONFLICT DO NOTHING)
       SELECT told.sender, told.number FROM told JOIN batch USING (sender, number)
       WHERE batch.sha512 <> told.sha512 ORDER BY told.sender, told.number"""
)
_MOVE_HEAD = text(
    """UPDATE journal SET number = :number, sha512 = :sha512, changed_at = :at
       WHERE id = :journal AND number < :number"""
)


async def keep(connection: AsyncConnection, journal_id: int, lines: Sequence[ReadLine]) -> list[str]:
    """Add lines of a journal in order, with their batches; return the batches of which others were kept before."""
    if not lines:
        return []
    facts = [one.facts for one in lines]
    moments = [datetime.fromisoformat(each["recorded_at"]) for each in facts]
    values = {
        "journal": journal_id,
        "numbers": [one.number for one in lines],
        "digests": [one.sha512 for one in lines],
        "transfers": [None if each["transfer"] is None else UUID(each["transfer"]) for each in facts],
        "bodies": [one.body for one in lines],
    }
    await connection.execute(_KEEP_LINES, values)
    batches = {
        "senders": [each["sender"] for each in facts],
        "batches": [each["batch"] for each in facts],
        "batch_digests": [bytes.fromhex(each["batch_sha512"]) for each in facts],
        "moments": moments,
    }
    contradicted = [f"{row.number} of {row.sender}" for row in await connection.execute(_KEEP_BATCHES, batches)]
    head = {"journal": journal_id, "number": lines[-1].number, "sha512": lines[-1].sha512, "at": moments[-1]}
    await connection.execute(_MOVE_HEAD, head)
    return contradicted


async def keep_containers(connection: AsyncConnection, journal_id: int, closed: Sequence[Container]) -> None:
    """Note containers that every site has."""
    values = [
        {
            "journal": journal_id,
            "number": one.number,
            "first": one.first,
            "last": one.last,
            "sha512": bytes.fromhex(one.sha512),
            "size": len(one.content),
        }
        for one in closed
    ]
    adding = insert(container).values(closed_at=func.now(), stored_at=func.now()).on_conflict_do_nothing()
    await connection.execute(adding, values)


MOST_UNKNOWN = 10_000_000
"""Batches in a row of which no line is left: more than a room sends in the longest time that containers may lack."""

_BEYOND = """SELECT sender, min(number) AS number FROM (
               SELECT sender, number,
                   number - lag(number, 1, 0::bigint) OVER (PARTITION BY sender ORDER BY number) AS step
               FROM batch) AS steps
           WHERE step > :most GROUP BY sender"""
_LIFT = text(
    f"""WITH beyond AS ({_BEYOND}),
       last AS (
           SELECT DISTINCT ON (sender) sender, batch.number, sha512, kept_at,
               batch.number - count(*) OVER (PARTITION BY sender) AS unknown
           FROM batch LEFT JOIN beyond USING (sender)
           WHERE beyond.number IS NULL OR batch.number < beyond.number
           ORDER BY sender, batch.number DESC),
       lifted AS (
           INSERT INTO sender (name, batch, sha512, changed_at) SELECT sender, number, sha512, kept_at FROM last
           ON CONFLICT (name) DO UPDATE SET batch = excluded.batch, sha512 = excluded.sha512,
               changed_at = excluded.changed_at
           WHERE sender.batch < excluded.batch)
       SELECT sender, number, sha512, unknown FROM last ORDER BY sender"""  # noqa: S608 (a constant of ours)
)


async def batches_beyond(connection: AsyncConnection) -> list[tuple[str, int]]:
    """Return the first batch of each sender that is farther than `MOST_UNKNOWN` behind the one before it."""
    rows = await connection.execute(text(f"{_BEYOND} ORDER BY sender"), {"most": MOST_UNKNOWN})
    return [(row.sender, row.number) for row in rows]


async def lift_senders(connection: AsyncConnection) -> list[SenderHead]:
    """Move each sender's head to its last batch that is known, but to none of `batches_beyond`."""
    rows = await connection.execute(_LIFT, {"most": MOST_UNKNOWN})
    return [SenderHead(row.sender, row.number, row.sha512.hex(), row.unknown) for row in rows]


async def has_lines(connection: AsyncConnection) -> bool:
    """Say whether anything was ever kept here."""
    return bool(await connection.scalar(select(select(line).exists())))


async def journal_heads(connection: AsyncConnection) -> dict[str, Head]:
    """Return where each journal ends, by name."""
    rows = await connection.execute(select(journal.c.name, journal.c.number, journal.c.sha512))
    return {row.name: Head(row.number, row.sha512.hex()) for row in rows}
