"""Rounds in the copy map: which are open, whether every copy was read since one began."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.queries.audits import VERIFIED
from services.storage.tables import audit_round, copy, holding

_OPEN = select(audit_round).where(audit_round.c.ended_at.is_(None))
# By the index of what is to be read; what no hand reads any more is passed over, or a round would wait for ever.
_OLDEST = (
    VERIFIED.with_only_columns(copy.c.verified_at)
    .where(copy.c.site == bindparam("on_site"))
    .order_by(copy.c.verified_at)
    .limit(1)
)
_THERE = VERIFIED.with_only_columns(func.count(), func.coalesce(func.sum(holding.c.size), 0)).where(
    copy.c.site == bindparam("on_site")
)


async def open_rounds(connection: AsyncConnection) -> dict[str, datetime]:
    """Return when the round of each site began."""
    return {row.site: row.began_at for row in await connection.execute(_OPEN)}


async def oldest(connection: AsyncConnection, site: str) -> datetime | None:
    """Return when the copy of a site was read that was longest not; None without any."""
    found: datetime | None = await connection.scalar(_OLDEST, {"on_site": site})
    return found


async def there(connection: AsyncConnection, site: str) -> tuple[int, int]:
    """Return how many copies of a site are audited, and their bytes: each of them is looked at."""
    copies, size = (await connection.execute(_THERE, {"on_site": site})).one()
    return int(copies), int(size)


async def begin_round(connection: AsyncConnection, site: str, before: Mapping[str, int], at: datetime) -> None:
    """Begin a round of a site where none is open; `before` is what was counted until then."""
    row = {"site": site, "began_at": at, "counts_before": dict(before)}
    await connection.execute(upsert(audit_round).on_conflict_do_nothing(), row)


async def end_round(
    connection: AsyncConnection, site: str, began_at: datetime, at: datetime
) -> dict[str, int] | None:
    """End a round; return what had been counted before it. None where another has ended it."""
    ending = (
        update(audit_round)
        .where(audit_round.c.site == site, audit_round.c.began_at == began_at, audit_round.c.ended_at.is_(None))
        .values(ended_at=at)
        .returning(audit_round.c.counts_before)
    )
    before: dict[str, int] | None = await connection.scalar(ending)
    return before
