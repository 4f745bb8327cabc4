"""Every question about containers of lines, and every change of them. Callers own the transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, bindparam, func, select, text, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.domain.containers import MOST_BYTES, MOST_LINES, Container, place_of
from services.proof.tables import container, journal, line
from shared.checksums import Measure
from shared.messages.journal import JournalKind
from shared.messages.storage import JournalStoredV1

_OF_JOURNAL = (journal.c.id.label("journal_id"), journal.c.name, journal.c.kind, journal.c.establishment)
_LATEST = (
    select(container)
    .where(container.c.journal == journal.c.id)
    .order_by(container.c.number.desc())
    .limit(1)
    .lateral("latest")
)
_WITH_LATEST = journal.join(_LATEST, true(), isouter=True)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A journal, and how far its containers have come: to line `last` in `containers` of them, out of `head` lines.

    `open` is the latest of them while its bytes are not told of.
    """

    journal_id: int
    journal: str
    kind: JournalKind
    establishment: UUID | None
    head: int
    containers: int
    last: int
    open: Container | None

    def next_container(self, last: int) -> Container:
        """Return the one that begins where these end."""
        number, first = self.containers + 1, self.last + 1
        return Container(self.journal_id, self.journal, self.kind, self.establishment, number, first, last)


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a container may reach, and whether it could not reach further."""

    last: int
    is_full: bool


def _container(row: Any) -> Container:  # noqa: ANN401 (a row of either question)
    return Container(row.journal_id, row.name, row.kind, row.establishment, row.number, row.first, row.last)


_SHELF = select(
    *_OF_JOURNAL,
    journal.c.number.label("head"),
    _LATEST.c.number,
    _LATEST.c.first,
    _LATEST.c.last,
    _LATEST.c.closed_at,
).select_from(_WITH_LATEST)


async def shelf(connection: AsyncConnection, name: str) -> Shelf:
    """Return a journal with how far its containers have come."""
    row = (await connection.execute(_SHELF.where(journal.c.name == name))).one()
    latest = None if row.number is None else _container(row)
    return Shelf(
        row.journal_id,
        row.name,
        row.kind,
        row.establishment,
        row.head,
        containers=row.number or 0,
        last=row.last or 0,
        open=latest if row.closed_at is None else None,
    )


_HAS_NEWS = (journal.c.number > func.coalesce(_LATEST.c.last, 0)) | (
    _LATEST.c.number.is_not(None) & _LATEST.c.closed_at.is_(None)
)
_DUE = (
    select(journal.c.name)
    .select_from(_WITH_LATEST)
    .where(
        _LATEST.c.closed_at.is_(None) | (_LATEST.c.closed_at <= func.now() - bindparam("rested", type_=Interval)),
        _HAS_NEWS,
    )
    .order_by(journal.c.name)
)


async def unclosed(connection: AsyncConnection, rested: timedelta = timedelta(0)) -> list[str]:
    """Return the journals with lines in no container of which nothing was closed for as long as that, by name."""
    return list(await connection.scalars(_DUE, {"rested": rested}))


_EXTENT = text(
    """WITH following AS (
           SELECT number, octet_length(body) + 1 AS size FROM line
           WHERE journal = :journal AND number > :after ORDER BY number LIMIT :most_lines),
       running AS (SELECT number, sum(size) OVER (ORDER BY number) AS bytes FROM following)
       SELECT max(number) AS last, count(*) = :most_lines OR count(*) < (SELECT count(*) FROM following) AS is_full
       FROM running WHERE bytes <= :most_bytes OR number = :after + 1"""
)


async def extent(connection: AsyncConnection, journal_id: int, after: int) -> Extent | None:
    """Return how far a container may reach that begins after a number; None where there is no line."""
    bounds = {"journal": journal_id, "after": after, "most_lines": MOST_LINES, "most_bytes": MOST_BYTES}
    row = (await connection.execute(_EXTENT, bounds)).one()
    return None if row.last is None else Extent(row.last, row.is_full)


async def plan(connection: AsyncConnection, planned: Container) -> bool:
    """Fix where a container begins and ends; return whether nobody was first."""
    values = {
        "journal": planned.journal_id,
        "number": planned.number,
        "first": planned.first,
        "last": planned.last,
    }
    made = await connection.execute(insert(container).values(values).on_conflict_do_nothing())
    return made.rowcount == 1


async def bodies(connection: AsyncConnection, journal_id: int, first: int, last: int) -> Sequence[bytes]:
    """Return the lines from one number to another, in order."""
    query = select(line.c.body).where(line.c.journal == journal_id, line.c.number.between(first, last))
    return (await connection.scalars(query.order_by(line.c.number))).all()


_THIS = (container.c.journal == bindparam("of_journal"), container.c.number == bindparam("of_number"))
_CLOSE = (
    update(container)
    .where(*_THIS, container.c.closed_at.is_(None))
    .values(sha512=bindparam("found_sha512"), size=bindparam("found_size"), closed_at=func.now())
    .returning(
        select(line.c.sha512)
        .where(line.c.journal == container.c.journal, line.c.number == container.c.last)
        .scalar_subquery()
        .label("head")
    )
)


async def close(connection: AsyncConnection, written: Container, measure: Measure) -> str | None:
    """Note what a container is; return the digest of its last line, or None where somebody was first."""
    values = {
        "of_journal": written.journal_id,
        "of_number": written.number,
        "found_sha512": bytes.fromhex(measure.sha512),
        "found_size": measure.size,
    }
    head: bytes | None = await connection.scalar(_CLOSE, values)
    return None if head is None else head.hex()


_CONTAINERS = select(*_OF_JOURNAL, container).join_from(container, journal, container.c.journal == journal.c.id)
_STORE = (
    update(container)
    .where(
        container.c.journal == select(journal.c.id).where(journal.c.name == bindparam("name")).scalar_subquery(),
        container.c.number == bindparam("of_number"),
        container.c.sha512 == bindparam("told_sha512"),
    )
    .values(stored_at=func.coalesce(container.c.stored_at, func.now()))
)


async def find(connection: AsyncConnection, told: JournalStoredV1) -> Container | None:
    """Return the container that storage tells of; None for one of other bytes than ours."""
    query = _CONTAINERS.where(
        journal.c.name == told.journal,
        container.c.number == told.number,
        container.c.sha512 == bytes.fromhex(told.sha512),
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _container(row)


async def note_stored(connection: AsyncConnection, told: JournalStoredV1) -> None:
    """Note that every site has a container."""
    values = {"name": told.journal, "of_number": told.number, "told_sha512": bytes.fromhex(told.sha512)}
    await connection.execute(_STORE, values)


async def awaited(connection: AsyncConnection, rested: timedelta, limit: int) -> list[tuple[Container, str]]:
    """Return containers closed that long ago and not stored yet, each with its digest; oldest first."""
    query = _CONTAINERS.where(container.c.stored_at.is_(None), container.c.closed_at <= func.now() - rested)
    rows = await connection.execute(query.order_by(container.c.closed_at).limit(limit))
    return [(_container(row), row.sha512.hex()) for row in rows]


_OLDEST_ALONE = text(
    """SELECT min((convert_from(line.body, 'UTF8')::jsonb ->> 'recorded_at')::timestamptz)
       FROM journal JOIN line ON line.journal = journal.id AND line.number = coalesce(
           (SELECT min(first) FROM container AS c WHERE c.journal = journal.id AND stored_at IS NULL),
           (SELECT last + 1 FROM container AS c WHERE c.journal = journal.id ORDER BY c.number DESC LIMIT 1),
           1)"""
)


async def oldest_alone(connection: AsyncConnection) -> datetime | None:
    """Return when the oldest line was recorded that is not on every site yet; None where all are."""
    found: datetime | None = await connection.scalar(_OLDEST_ALONE)
    return found


async def count_awaited(connection: AsyncConnection) -> int:
    """Return how many containers storage has not told of yet."""
    query = select(func.count()).select_from(container).where(container.c.stored_at.is_(None))
    return int(await connection.scalar(query) or 0)


async def stored_among(connection: AsyncConnection, keys: Collection[str]) -> set[str]:
    """Return which keys of staging are those of containers that every site has."""
    places = [place for place in map(place_of, keys) if place is not None]
    query = _CONTAINERS.where(
        container.c.stored_at.is_not(None), tuple_(journal.c.name, container.c.first).in_(places)
    )
    rows = await connection.execute(query)
    return set(keys) & {_container(row).staging_key for row in rows}
