"""Copies that are lost: which sites have some, whose repair waits, and which nobody has asked for."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ARRAY, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.domain.holdings import HoldingKey


@dataclass(frozen=True, slots=True)
class Unasked:
    """A lost copy of a stored holding of which there is no work."""

    key: HoldingKey
    establishment: UUID | None


# By the index that whoever leases goes by; what a site is owed as a whole has an owner of its own.
_WAITING = text(
    """
    SELECT count(*) FROM (
        SELECT FROM work WHERE lane = 'background' AND kind = 'write' AND owner NOT LIKE 'site:%'
        AND split_part(key, '/', 3) = :site LIMIT :most
    ) AS found
    """
)


async def repairs_waiting(connection: AsyncConnection, site: str, most: int) -> int:
    """Return how many copies wait to be written again on a site; `most` stands for more."""
    return int(await connection.scalar(_WAITING, {"site": site, "most": most}) or 0)


_NOT_ASKED_FOR = text(
    """
    SELECT copy.holding, copy.version, holding.establishment
    FROM copy JOIN holding ON holding.id = copy.holding AND holding.version = copy.version
    WHERE copy.site = :site AND copy.state = 'lost' AND (copy.holding, copy.version) > (:id, :version)
      AND holding.state = 'stored'
      AND NOT EXISTS (
          SELECT FROM work
          WHERE kind = 'write' AND key = copy.holding::text || '/' || copy.version::text || '/' || copy.site
      )
    ORDER BY copy.holding, copy.version LIMIT :most
    """
)


async def not_asked_for(connection: AsyncConnection, site: str, after: HoldingKey, most: int) -> list[Unasked]:
    """Return the next lost copies of a site, behind `after`, that could be written and nobody has asked for."""
    wanted = {"site": site, "id": after[0], "version": after[1], "most": most}
    rows = await connection.execute(_NOT_ASKED_FOR, wanted)
    return [Unasked((row.holding, row.version), row.establishment) for row in rows]


_THAT_LOST = text(
    """
    SELECT name FROM unnest(:names) AS one (name)
    WHERE EXISTS (SELECT FROM copy WHERE copy.site = one.name AND copy.state = 'lost')
    ORDER BY name
    """
).bindparams(bindparam("names", type_=ARRAY(Text)))


async def sites_that_lost(connection: AsyncConnection, names: Collection[str]) -> list[str]:
    """Return those of the sites on which a copy is lost."""
    return list(await connection.scalars(_THAT_LOST, {"names": list(names)}))
