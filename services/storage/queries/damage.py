"""What no site has a good copy of."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.domain.copies import Copy
from services.storage.domain.holdings import Holding
from services.storage.queries.holdings import copies_of_all
from services.storage.tables import holding

_DAMAGED = holding.c.state == "damaged"
_COUNT = select(holding.c.kind, func.count().label("holdings")).where(_DAMAGED).group_by(holding.c.kind)


async def count(connection: AsyncConnection) -> dict[str, int]:
    """Return how many holdings of each kind are damaged."""
    return {row.kind: row.holdings for row in await connection.execute(_COUNT)}


async def versions(connection: AsyncConnection, holding_id: UUID) -> list[tuple[Holding, list[Copy]]]:
    """Return the damaged versions of a holding, each with its copies."""
    query = select(holding).where(_DAMAGED, holding.c.id == holding_id).order_by(holding.c.version)
    return await _with_copies(connection, query)


async def page(
    connection: AsyncConnection, within: Collection[UUID] | None, after: str, limit: int
) -> list[tuple[Holding, list[Copy]]]:
    """Return damaged holdings with their copies, by key, from behind `after` on; of some establishments or of all."""
    query = select(holding).where(_DAMAGED, holding.c.key > after).order_by(holding.c.key).limit(limit)
    if within is not None:
        query = query.where(holding.c.establishment.in_(within))
    return await _with_copies(connection, query)


async def _with_copies(connection: AsyncConnection, query: Select[Any]) -> list[tuple[Holding, list[Copy]]]:
    found = [Holding(**row) for row in (await connection.execute(query)).mappings()]
    copies = await copies_of_all(connection, found)
    return [(one, copies[one.id, one.version]) for one in found]
