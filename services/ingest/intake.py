"""How many bytes of files were taken in under each agreement: what its quota bounds.

Counted when a transfer passes its checks, in the transaction that says so; given back when an archivist refuses it.
"""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, bindparam, select, text
from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.tables import intake

# In one order, so that two transactions that count for the same agreements never wait for each other. Never below
# nothing: the release before took transfers in without counting them, and an archivist may refuse one of those.
_COUNT = text(
    """INSERT INTO intake AS known (agreement, bytes)
       SELECT asked.agreement, asked.bytes
       FROM unnest(:agreements, :bytes) AS asked (agreement, bytes) ORDER BY asked.agreement
       ON CONFLICT (agreement) DO UPDATE SET bytes = greatest(0, known.bytes + excluded.bytes)
       RETURNING agreement, bytes"""
).bindparams(
    bindparam("agreements", type_=ARRAY(UUID_TYPE)),
    bindparam("bytes", type_=ARRAY(BigInteger)),
)


async def count(connection: AsyncConnection, taken: Mapping[UUID, int]) -> dict[UUID, int]:
    """Add bytes to what agreements took in (fewer than 0: given back), and return what each has taken in now.

    Whoever else counts for one of them waits until the transaction ends: so two deposits cannot both take the last
    of a quota.
    """
    if not taken:
        return {}
    values = {"agreements": list(taken), "bytes": list(taken.values())}
    return {row.agreement: row.bytes for row in await connection.execute(_COUNT, values)}


async def taken_in(connection: AsyncConnection, agreement: UUID) -> int:
    """Return how many bytes an agreement has taken in."""
    return await connection.scalar(select(intake.c.bytes).where(intake.c.agreement == agreement)) or 0
