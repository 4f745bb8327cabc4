"""How far anchors and seals have come: what an operator watches. Callers own the transaction."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Table, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.tables import anchor, batch, filed, seal, sender
from shared.messages.proof import ProofKind


@dataclass(frozen=True, slots=True)
class Point:
    """A proof and the moment that it speaks of."""

    number: int
    at: datetime


async def newest_on_sites(connection: AsyncConnection, kind: ProofKind) -> Point | None:
    """Return the last anchor, or seal, that every site has together with all before it: one alone may be missing."""
    made: Table = {"anchor": anchor, "seal": seal}[kind]
    awaited = select(func.min(filed.c.number)).where(filed.c.kind == kind, filed.c.stored_at.is_(None))
    query = (
        select(made.c.number, made.c.at)
        .join_from(made, filed, (filed.c.kind == kind) & (filed.c.number == made.c.number))
        .where(
            filed.c.stored_at.is_not(None),
            made.c.number < func.coalesce(awaited.scalar_subquery(), literal_column("9223372036854775807")),
        )
        .order_by(made.c.number.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Point(row.number, row.at)


async def newest_stamped(connection: AsyncConnection) -> Point | None:
    """Return the last seal with a token, at the time that this token gives."""
    query = select(seal.c.number, seal.c.token_at).where(seal.c.token.is_not(None))
    row = (await connection.execute(query.order_by(seal.c.number.desc()).limit(1))).one_or_none()
    return None if row is None else Point(row.number, row.token_at)


async def unstamped(connection: AsyncConnection, limit: int) -> list[Point]:
    """Return the seals that wait for a token, oldest first."""
    query = select(seal.c.number, seal.c.at).where(seal.c.token.is_(None)).order_by(seal.c.number).limit(limit)
    return [Point(row.number, row.at) for row in await connection.execute(query)]


async def oldest_awaited(connection: AsyncConnection) -> datetime | None:
    """Return since when the oldest proof waits to be on every site."""
    moment: datetime | None = await connection.scalar(
        select(func.min(filed.c.filed_at)).where(filed.c.stored_at.is_(None))
    )
    return moment


async def first_lines_at(connection: AsyncConnection) -> datetime | None:
    """Return when the first lines were kept here: what no proof covers is as old."""
    first = select(func.min(batch.c.kept_at)).join_from(sender, batch, batch.c.sender == sender.c.name)
    moment: datetime | None = await connection.scalar(first.where(batch.c.number == 1))
    return moment


async def holed(connection: AsyncConnection) -> int:
    """Return how many journals lacked lines when the last seal was made."""
    return await connection.scalar(select(seal.c.holed).order_by(seal.c.number.desc()).limit(1)) or 0
