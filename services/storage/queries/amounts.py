"""How much there is: what each site holds, what it is still owed, and since when."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy import Integer, cast, extract, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.domain.holdings import HoldingKey
from services.storage.tables import copy, holding
from services.storage.tables import usage as usage_table
from shared.database.plumbing import work
from shared.messaging.lease import Lane

_TOTALS = (
    select(copy.c.site, copy.c.state, func.count().label("copies"), func.sum(holding.c.size).label("bytes"))
    .join_from(copy, holding, (copy.c.holding == holding.c.id) & (copy.c.version == holding.c.version))
    .group_by(copy.c.site, copy.c.state)
)


async def totals(connection: AsyncConnection) -> list[tuple[str, str, int, Decimal]]:
    """Return how many copies, and bytes, each site has in each state: every row is read."""
    return [tuple(row) for row in await connection.execute(_TOTALS)]


# Lost since no moment: let go with a site that was being retired and is kept, and to be had there again.
_UNSETTLED = text(
    """
    SELECT site, CASE WHEN state = 'lost' AND lost_at IS NULL THEN 'to_write' ELSE state END AS stands,
           count(*) AS copies
    FROM copy WHERE state IN ('to_write', 'lost') GROUP BY site, stands
    UNION ALL
    SELECT site, state, count(*) FROM copy WHERE state = 'written' GROUP BY site, state
    """
)


async def unsettled(connection: AsyncConnection) -> list[tuple[str, str, int]]:
    """Return how many copies of each site are to be written, were written and not read back, or are lost."""
    return [(row.site, row.stands, row.copies) for row in await connection.execute(_UNSETTLED)]


_LAST: HoldingKey = (UUID(int=2**128 - 1), 2**31 - 1)
_END_OF_SLICE = text(
    """
    SELECT id, version FROM holding WHERE (id, version) > (:id, :version) ORDER BY id, version OFFSET :most LIMIT 1
    """
)
_SLICE = text(
    """
    SELECT copy.site, copy.state, count(*) AS copies, sum(holding.size) AS bytes
    FROM holding JOIN copy ON copy.holding = holding.id AND copy.version = holding.version
    WHERE (holding.id, holding.version) > (:id, :version) AND (holding.id, holding.version) <= (:to_id, :to_version)
      AND (copy.holding, copy.version) > (:id, :version) AND (copy.holding, copy.version) <= (:to_id, :to_version)
    GROUP BY copy.site, copy.state
    """
)


async def totals_of_some(
    connection: AsyncConnection, after: HoldingKey, most: int
) -> tuple[list[tuple[str, str, int, int]], HoldingKey | None]:
    """Return `totals` of the `most` next holdings behind `after`, and the last of them: None where it is the end."""
    began = {"id": after[0], "version": after[1]}
    end = (await connection.execute(_END_OF_SLICE, {**began, "most": most - 1})).one_or_none()
    last = _LAST if end is None else (end.id, end.version)
    rows = await connection.execute(_SLICE, {**began, "to_id": last[0], "to_version": last[1]})
    found = [(row.site, row.state, row.copies, int(row.bytes)) for row in rows]
    return found, None if end is None else last


_SITE = func.split_part(work.c.key, "/", 3)
# No deposit waits for what is in the background, however long that takes.
_OLDEST = func.min(work.c.created_at).filter(work.c.lane != Lane.BACKGROUND)
_WAITING = (
    select(_SITE, work.c.kind, func.count(), func.coalesce(extract("epoch", func.now() - _OLDEST), 0))
    .where(work.c.kind.in_(("write", "verify")))
    .group_by(_SITE, work.c.kind)
)


async def waiting(connection: AsyncConnection) -> list[tuple[str, str, int, Decimal]]:
    """Return how many copies are to be written, or read back, on each site; and the age of the oldest awaited (s)."""
    return [tuple(row) for row in await connection.execute(_WAITING)]


_ADD_USAGE = upsert(usage_table)
_ADD_USAGE = _ADD_USAGE.on_conflict_do_update(
    index_elements=[usage_table.c.site],
    set_={name: usage_table.c[name] + _ADD_USAGE.excluded[name] for name in ("bytes", "copies")},
)


async def add_usage(connection: AsyncConnection, written: Mapping[str, Sequence[int]]) -> None:
    """Count what was written: site → the sizes of its new copies."""
    # In one order, so that two transactions that count on the same sites never wait for each other.
    rows = [{"site": site, "bytes": sum(sizes), "copies": len(sizes)} for site, sizes in sorted(written.items())]
    if rows:
        await connection.execute(_ADD_USAGE, rows)


async def drop_usage(connection: AsyncConnection, site: str, size: int) -> None:
    """Count what was deleted on a site: one copy of so many bytes."""
    less = {name: func.greatest(usage_table.c[name] - of, 0) for name, of in (("bytes", size), ("copies", 1))}
    await connection.execute(update(usage_table).where(usage_table.c.site == site).values(less))


_LIFT_USAGE = upsert(usage_table)
_LIFT_USAGE = _LIFT_USAGE.on_conflict_do_update(
    index_elements=[usage_table.c.site],
    set_={name: func.greatest(usage_table.c[name], _LIFT_USAGE.excluded[name]) for name in ("bytes", "copies")},
    where=or_(*(usage_table.c[name] < _LIFT_USAGE.excluded[name] for name in ("bytes", "copies"))),
)


async def lift_usage(connection: AsyncConnection, found: Mapping[str, tuple[int, int]]) -> None:
    """Count no less on a site than was found there: site → (bytes, copies).

    Never less than was counted: a copy that was lost and written again may take its room twice.
    """
    rows = [{"site": site, "bytes": size, "copies": copies} for site, (size, copies) in sorted(found.items())]
    if rows:
        await connection.execute(_LIFT_USAGE, rows)


async def usage(connection: AsyncConnection) -> dict[str, int]:
    """Return how many bytes were written on each site."""
    rows = await connection.execute(select(usage_table.c.site, usage_table.c.bytes))
    return {row.site: row.bytes for row in rows}


_OWED = (
    select(_SITE.label("site"), func.sum(holding.c.size).label("bytes"))
    .join_from(work, holding, holding.c.id == cast(func.split_part(work.c.key, "/", 1), UUID_TYPE))
    .where(work.c.kind == "write", holding.c.version == cast(func.split_part(work.c.key, "/", 2), Integer))
    .group_by(_SITE)
)


async def owed(connection: AsyncConnection) -> dict[str, int]:
    """Return how many bytes are still to be written on each site: read from the work on it."""
    return {row.site: int(row.bytes) for row in await connection.execute(_OWED)}
