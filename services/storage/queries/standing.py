"""What went wrong with copies and may not be over: lost lately, not to be read, not locked for longer."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ARRAY, DateTime, Integer, Interval, Text, bindparam, text
from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.domain.audits import Examined
from services.storage.domain.holdings import CopyKey

_IDS = (
    bindparam("ids", type_=ARRAY(UUID_TYPE)),
    bindparam("versions", type_=ARRAY(Integer)),
    bindparam("sites", type_=ARRAY(Text)),
)

_UNREAD = text(
    """
    UPDATE copy SET unread_at = one.at
    FROM unnest(:ids, :versions, :sites, :writings, :moments) AS one (holding, version, site, written_at, at)
    WHERE copy.holding = one.holding AND copy.version = one.version AND copy.site = one.site
      AND copy.state = 'verified' AND copy.written_at = one.written_at
    """
).bindparams(
    *_IDS,
    bindparam("writings", type_=ARRAY(DateTime(timezone=True))),
    bindparam("moments", type_=ARRAY(DateTime(timezone=True))),
)


async def note_unread(connection: AsyncConnection, unread: Sequence[Examined]) -> None:
    """Note when copies could not be read: known until they are read whole, or judged otherwise."""
    if unread:
        values = {
            "ids": [one.due.holding for one in unread],
            "versions": [one.due.version for one in unread],
            "sites": [one.due.site for one in unread],
            "writings": [one.due.written_at for one in unread],
            "moments": [one.at for one in unread],
        }
        await connection.execute(_UNREAD, values)


# By an index of its own. A moment before it was read whole says nothing any more, whoever read it.
_UNREADABLE = text(
    """
    SELECT site, count(*) AS copies FROM copy
    WHERE unread_at IS NOT NULL AND unread_at > verified_at AND state = 'verified' GROUP BY site
    """
)


async def unreadable(connection: AsyncConnection) -> dict[str, int]:
    """Return how many copies of each site could not be read when they were last to be."""
    return {row.site: row.copies for row in await connection.execute(_UNREADABLE)}


_REPAIRED = text(
    """
    UPDATE copy SET repaired_at = now() FROM unnest(:ids, :versions, :sites) AS one (holding, version, site)
    WHERE copy.holding = one.holding AND copy.version = one.version AND copy.site = one.site
    """
).bindparams(*_IDS)


async def note_repaired(connection: AsyncConnection, copies: Sequence[CopyKey]) -> None:
    """Note that copies which were lost are whole again."""
    if copies:
        ids, versions, sites = (list(column) for column in zip(*copies, strict=True))
        await connection.execute(_REPAIRED, {"ids": ids, "versions": versions, "sites": sites})


# Both by an index of their own. What is lost now is counted with all else that is owed;
# here what is on its way back, and what lately came.
LOST_LATELY = text(
    """
    SELECT site, count(*) AS copies FROM (
        SELECT site FROM copy WHERE repaired_at > now() - :lately
        UNION ALL
        SELECT site FROM copy WHERE state = 'written' AND lost_at IS NOT NULL
    ) AS found GROUP BY site
    """
).bindparams(bindparam("lately", type_=Interval))


async def lost_lately(connection: AsyncConnection, lately: timedelta) -> dict[str, int]:
    """Return how many copies of each site were lost and are written again, or became whole within a time."""
    return {row.site: row.copies for row in await connection.execute(LOST_LATELY, {"lately": lately})}


_TO_RENEW = text(
    """
    SELECT name, (
        SELECT count(*) FROM (
            SELECT FROM work
            WHERE lane = 'usual' AND kind = 'renew' AND owner = name AND last_error IS NOT NULL LIMIT :most
        ) AS refused
    ) AS locks
    FROM unnest(:sites) AS name
    """
).bindparams(bindparam("sites", type_=ARRAY(Text)))


async def locks_to_renew(connection: AsyncConnection, sites: Sequence[str], most: int) -> dict[str, int]:
    """Return how many locks each site has not renewed and is asked for again; `most` stands for more."""
    rows = await connection.execute(_TO_RENEW, {"sites": list(sites), "most": most})
    return {row.name: row.locks for row in rows}
