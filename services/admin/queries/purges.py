"""Orders to purge, as they were given."""

from dataclasses import asdict
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.admin.domain.purge import PurgeOrder
from services.admin.tables import purge_order


async def add(connection: AsyncConnection, order: PurgeOrder) -> bool:
    """Enter an order; say whether its id was free."""
    values = asdict(order) | {"units": list(order.units)}
    # Units tell it: an order on them has some.
    del values["scope"]
    found = insert(purge_order).values(values).on_conflict_do_nothing().returning(purge_order.c.id)
    return await connection.scalar(found) is not None


async def get(connection: AsyncConnection, order_id: UUID) -> PurgeOrder | None:
    """Return an order, or None."""
    row = (await connection.execute(select(purge_order).where(purge_order.c.id == order_id))).one_or_none()
    if row is None:
        return None
    values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's documented name)
    return PurgeOrder(**values | {"units": tuple(row.units), "scope": "units" if row.units else "aip"})
