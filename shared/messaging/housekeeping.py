"""What no longer serves, removed: entries of the inbox that no delivery can ask for, and what each room adds.

Message identifiers sort by time of birth, so what is old is one end of the primary key: no index beside it, and
no look at what is young.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, delete, func, literal_column, select

from shared.clock import now
from shared.database.plumbing import inbox
from shared.messaging.transaction import RoomDatabase
from shared.telling import told

log = logging.getLogger(__name__)

REMEMBERED = timedelta(days=30)
"""How long a handled message is remembered. It comes again where an answer to it was lost, or where whoever
published it died before noting so: at once or when that process is back, which no outage delays by a month."""

HOUSE_SECONDS = 3600.0
BATCH = 1000
"""Rows removed by one statement: it holds their locks for milliseconds only."""

_OLD = (
    select(inbox.c.message_id, inbox.c.consumer)
    .where(
        inbox.c.message_id < bindparam("first_young"),
        # An old message may have been handled just now: replayed, or held up for long.
        inbox.c.handled_at < func.now() - literal_column(f"interval '{REMEMBERED.days} days'"),
    )
    .order_by(inbox.c.message_id)
    .limit(BATCH)
    # Another process that prunes at this moment has the others.
    .with_for_update(skip_locked=True)
    .cte("old")
)

_PRUNE = delete(inbox).where(inbox.c.message_id == _OLD.c.message_id, inbox.c.consumer == _OLD.c.consumer)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to see to every so many seconds; `do` returns how much there was. Several processes may at once."""

    name: str
    do: Callable[[RoomDatabase], Awaitable[int]]
    every: float = HOUSE_SECONDS


async def keep_house(database: RoomDatabase, chores: Sequence[Chore]) -> None:
    """Prune the inbox and do the room's own chores until cancelled; an outage only delays them."""
    rounds: dict[float, list[Chore]] = {}
    for chore in (Chore("inbox", prune_inbox), *chores):
        rounds.setdefault(chore.every, []).append(chore)
    # What comes every minute must not wait for what takes one.
    async with asyncio.TaskGroup() as group:
        for seconds, some in rounds.items():
            group.create_task(_go_round(database, some, seconds))


async def _go_round(database: RoomDatabase, chores: Sequence[Chore], seconds: float) -> None:
    while True:
        for chore in chores:
            await _do(database, chore)
        await asyncio.sleep(seconds)


async def _do(database: RoomDatabase, chore: Chore) -> None:
    seen = {"of": database.room, "chore": chore.name}
    try:
        removed = await chore.do(database)
    except Exception as error:  # noqa: BLE001 (an hour later it is tried again)
        log.info("not put away", extra={**seen, "reason": told(error)})
        return
    if removed:
        log.info("put away", extra={**seen, "count": removed})


async def prune_inbox(database: RoomDatabase) -> int:
    """Remove what is no longer remembered, a batch at a time; return how many entries there were."""
    removed = 0
    first_young = first_id_at(now() - REMEMBERED)
    while True:
        async with database.reading() as connection:
            count = (await connection.execute(_PRUNE, {"first_young": first_young})).rowcount
        removed += count
        if count < BATCH:
            return removed


def first_id_at(moment: datetime) -> UUID:
    """Return the identifier before which all others of this millisecond sort: RFC 9562, its time in 48 bits."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
