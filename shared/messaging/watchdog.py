"""Work that does not come to its end, named: for the log, the metrics and the operator's list.

A worker that hangs goes on renewing its lease, and work that fails is tried for ever: neither heartbeats nor
attempts tell progress. What tells is that work should be over by now, and is still there.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Float, Interval, case, extract, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database.plumbing import work
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import BACKOFF_SECONDS
from shared.telling import told

log = logging.getLogger(__name__)

STUCK_SECONDS = 3600
"""Work still there so long after it was due is stuck: a hundred gigabytes are copied in less, at 30 MB/s."""

WATCH_SECONDS = 300.0
"""How often stuck work is named in the log."""

NAMED = 20
"""Pieces of stuck work named in the log at a time; the count says how many there are."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One piece of work as an operator sees it.

    `state` is ready, waiting (for its next attempt), held or abandoned; `seconds` have passed since it was due.
    """

    id: int
    kind: str
    key: str
    state: str
    seconds: float
    attempts: int
    created_at: datetime
    last_error: str | None
    stuck: bool


NOT_ABANDONED = func.isfinite(work.c.not_before)
"""Holds for work that may still be leased some day."""

# An error says that it was tried and put off: then the moment it was first due is not known, and it was asked for
# at `created_at`. Work meant for later from the start has its moment, until it fails for the first time.
_DUE_SINCE = case(
    (work.c.last_error.is_(None), func.greatest(work.c.created_at, work.c.not_before)), else_=work.c.created_at
)

# Before it has had the longest wait, work that was due late in its life has not been tried for long.
_TRIED = work.c.last_error.is_(None) | (work.c.attempts >= len(BACKOFF_SECONDS))

_OVERDUE = func.now() - _DUE_SINCE
_LIMIT = literal_column(f"interval '{STUCK_SECONDS} seconds'", Interval)

STUCK = NOT_ABANDONED & _TRIED & (_OVERDUE > _LIMIT)
"""Holds for work that is stuck."""

_STATE = case(
    (~NOT_ABANDONED, "abandoned"),
    (work.c.leased_until > func.now(), "held"),
    (work.c.not_before > func.now(), "waiting"),
    else_="ready",
)

# Abandoned work waits for no moment: seconds since it was asked for.
_SECONDS = extract("epoch", func.now() - case((NOT_ABANDONED, _DUE_SINCE), else_=work.c.created_at)).cast(Float)

_WATCHED = select(
    work.c.id,
    work.c.kind,
    work.c.key,
    _STATE.label("state"),
    _SECONDS.label("seconds"),
    work.c.attempts,
    work.c.created_at,
    work.c.last_error,
    STUCK.label("stuck"),
).order_by(work.c.created_at, work.c.id)


async def stuck(connection: AsyncConnection, most: int = 1000) -> list[Watched]:
    """Return work that is stuck, the oldest first."""
    return [Watched(*row) for row in await connection.execute(_WATCHED.where(STUCK).limit(most))]


async def stuck_counts(connection: AsyncConnection) -> dict[str, int]:
    """Count the stuck work of each kind; kinds of which none is stuck are not named."""
    query = select(work.c.kind, func.count()).where(STUCK).group_by(work.c.kind)
    return {row[0]: row[1] for row in await connection.execute(query)}


async def watched(
    connection: AsyncConnection, *, only_stuck: bool, kind: str | None = None, most: int = 1000
) -> list[Watched]:
    """Return work there is, the oldest first; `only_stuck` leaves what is stuck or abandoned."""
    query = _WATCHED.limit(most)
    if only_stuck:
        query = query.where(STUCK | ~NOT_ABANDONED)
    if kind is not None:
        query = query.where(work.c.kind == kind)
    return [Watched(*row) for row in await connection.execute(query)]


async def watch(database: RoomDatabase) -> None:
    """Name stuck work in the log now and then, until cancelled."""
    while True:
        try:
            await name_stuck(database)
        except Exception as error:  # noqa: BLE001 (a database that is away only delays)
            log.info("not watched", extra={"of": database.room, "reason": told(error)})
        await asyncio.sleep(WATCH_SECONDS)


async def name_stuck(database: RoomDatabase) -> None:
    """Write one warning for each of the oldest pieces of stuck work."""
    async with database.reading() as connection:
        found = await stuck(connection, NAMED)
    for one in found:
        seen = {"of": database.room, "work": one.id, "kind": one.kind, "key": one.key, "state": one.state}
        log.warning("work without progress", extra={**seen, "seconds": round(one.seconds), "attempts": one.attempts})
