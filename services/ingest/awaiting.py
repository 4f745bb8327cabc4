"""Transfers that await an archivist's decision: the list of them, and how many should have been decided by now."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Boolean, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.queries import Transfer, transfer_of
from services.ingest.tables import transfer

# The words of the index `ix_transfer_awaiting`.
IS_AWAITING = literal_column("state = 'awaiting_decision'", Boolean)
_SHOWN = [transfer.c[name] for name in Transfer.__dataclass_fields__]
_OVERDUE = select(func.count()).select_from(transfer).where(IS_AWAITING, transfer.c.decide_by <= func.now())


async def awaiting(
    connection: AsyncConnection, establishments: Iterable[UUID] | None, after: UUID | None, limit: int
) -> list[Transfer]:
    """Return those of some establishments (None: all), the oldest first, from after an id."""
    query = select(*_SHOWN).where(IS_AWAITING).order_by(transfer.c.id).limit(limit)
    if establishments is not None:
        query = query.where(transfer.c.establishment.in_(list(establishments)))
    if after is not None:
        query = query.where(transfer.c.id > after)
    return [transfer_of(row) for row in await connection.execute(query)]


async def overdue(connection: AsyncConnection) -> int:
    """Return how many there are whose term has ended."""
    return int(await connection.scalar(_OVERDUE) or 0)
