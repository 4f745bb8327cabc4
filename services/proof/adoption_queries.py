"""Every question about lines of packages that proof was not told of. Callers own the transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.tables import looked_at, package_group


@dataclass(frozen=True, slots=True)
class Told:
    """A version of a package that a line says is stored."""

    aip: UUID
    version: int
    establishment: UUID
    transfer: UUID


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a journal up to `last` that are looked at next; `stored` has those that tell of a stored package."""

    journal: int
    last: int
    stored: Sequence[bytes]


_NEXT = text(
    """SELECT journal.id, journal.number AS head, COALESCE(looked_at.number, 0) AS number
       FROM journal LEFT JOIN looked_at ON looked_at.journal = journal.id
       WHERE journal.kind = 'archives' AND journal.number > COALESCE(looked_at.number, 0)
       ORDER BY journal.id LIMIT 1"""
)
_LINES = text(
    """SELECT max(number) AS last,
              array_agg(body ORDER BY number) FILTER (
                  WHERE position(CAST(:action AS bytea) IN body) > 0
                    AND position(CAST(:of_aip AS bytea) IN body) > 0) AS stored
       FROM (SELECT number, body FROM line WHERE journal = :journal AND number > :after
             ORDER BY number LIMIT :limit) AS seen"""
)


async def next_lines(connection: AsyncConnection, limit: int) -> Lines | None:
    """Return lines of a journal that were not looked at, `limit` at most; None where there are none."""
    of = (await connection.execute(_NEXT)).one_or_none()
    if of is None:
        return None
    asked = {"journal": of.id, "after": of.number, "limit": limit}
    # As canonical JSON has them; an accepted line is never written otherwise (docs/journal-format.md).
    named = {"action": b'"action":"aip.stored"', "of_aip": b'"object":"aip:'}
    row = (await connection.execute(_LINES, {**asked, **named})).one()
    # Of a journal whose last lines are not there all is looked at, as far as its head counts.
    return Lines(of.id, of.head if row.last is None else row.last, row.stored or ())


async def without_group(connection: AsyncConnection, told: Sequence[Told]) -> list[Told]:
    """Return those that proof does not know of."""
    if not told:
        return []
    key = tuple_(package_group.c.aip, package_group.c.version)
    known = await connection.execute(
        select(package_group.c.aip, package_group.c.version).where(key.in_([(one.aip, one.version) for one in told]))
    )
    there = {(row.aip, row.version) for row in known}
    return [one for one in told if (one.aip, one.version) not in there]


async def note_looked_at(connection: AsyncConnection, some: Lines) -> None:
    """Note that lines of a journal were looked at."""
    made = insert(looked_at).values(journal=some.journal, number=some.last)
    changed = {"number": made.excluded.number}
    where = looked_at.c.number < made.excluded.number
    await connection.execute(made.on_conflict_do_update(index_elements=["journal"], set_=changed, where=where))
