"""Every question about renewals of trees, and every change of them. Callers own the transaction."""

from collections.abc import AsyncIterator

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.renewal_tables import renewed_package

_PACKAGE = renewed_package.c


async def members_size(connection: AsyncConnection, number: int) -> int:
    """Return how many bytes the digests of all groups of a renewal are."""
    query = select(func.coalesce(func.sum(func.octet_length(_PACKAGE.digests)), 0)).where(_PACKAGE.renewal == number)
    return int(await connection.scalar(query) or 0)


async def members(connection: AsyncConnection, number: int) -> AsyncIterator[bytes]:
    """Yield the digests of each group of a renewal, in the order of its rows."""
    query = select(_PACKAGE.digests).where(_PACKAGE.renewal == number).order_by(_PACKAGE.position)
    async with connection.stream_scalars(query) as found:
        async for digests in found:
            yield digests
