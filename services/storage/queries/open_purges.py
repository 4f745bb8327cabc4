"""How many orders to purge have not come to their end, and how long one has stood still."""

from decimal import Decimal

from sqlalchemy import extract, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.domain.purges import ENDS
from services.storage.tables import purge_order

_OPEN = purge_order.c.state.not_in(ENDS)
_COUNTS = (
    select(purge_order.c.state, func.count(), extract("epoch", func.now() - func.min(purge_order.c.ordered_at)))
    .where(_OPEN)
    .group_by(purge_order.c.state)
)
# Whoever waits for a date that is to come is not stalled.
_UNDATED = text(
    "NOT EXISTS (SELECT 1 FROM jsonb_each(purge_order.waits) AS wait (place, told)"
    " WHERE CAST(told ->> 'until' AS timestamptz) > now())"
)
_STALLED = select(func.coalesce(extract("epoch", func.now() - func.min(purge_order.c.moved_at)), 0)).where(
    _OPEN, _UNDATED
)


async def counts(connection: AsyncConnection) -> list[tuple[str, int, Decimal]]:
    """Return how many orders are open in each state, and the age of the oldest since it was given (s)."""
    return [tuple(row) for row in await connection.execute(_COUNTS)]


async def stalled(connection: AsyncConnection) -> float:
    """Return how long ago that order came further which has stood still longest without a date to wait for (s)."""
    return float(await connection.scalar(_STALLED) or 0)
