"""How far anchors and seals have come: what an operator watches. Callers own the transaction."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.tables import anchor, filed, seal
from shared.messages.proof import ProofKind


@dataclass(frozen=True, slots=True)
class Point:
    """A proof and the moment that it speaks of."""

    number: int
    at: datetime


async def newest_on_sites(connection: AsyncConnection, kind: ProofKind) -> Point | None:
    """Return the last anchor, or seal, that every site has."""
    made: Table = {"anchor": anchor, "seal": seal}[kind]
    query = (
        select(made.c.number, made.c.at)
        .join_from(made, filed, (filed.c.kind == kind) & (filed.c.number == made.c.number))
        .where(filed.c.stored_at.is_not(None))
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
