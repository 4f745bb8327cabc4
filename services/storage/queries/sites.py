"""Which sites there are and what becomes of them; and the two walks over all holdings that this asks for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Text, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.domain.holdings import HoldingKey
from services.storage.domain.sites import SiteState
from services.storage.tables import holding, site
from shared.database.plumbing import work
from shared.messaging.lease import Lane

AT_ONCE = 1000
"""Holdings looked at by one statement: its locks last for milliseconds only."""

FIRST: HoldingKey = (UUID(int=0), 0)
"""Before every holding."""


@dataclass(frozen=True, slots=True)
class KnownSite:
    """A site as storage knows it, declared or not, and since when it has been so.

    `attested_by` says who attests that all it had was destroyed.
    """

    name: str
    state: SiteState
    since: datetime
    destroyed_at: datetime | None = None
    attested_by: str | None = None


async def known(connection: AsyncConnection) -> dict[str, KnownSite]:
    """Return every site that was ever declared, by name."""
    rows = await connection.execute(select(site).order_by(site.c.name))
    return {row["name"]: KnownSite(**{**row, "state": SiteState(row["state"])}) for row in rows.mappings()}


async def destroyed(connection: AsyncConnection) -> dict[str, KnownSite]:
    """Return the sites that are attested to be destroyed, by name."""
    return {name: one for name, one in (await known(connection)).items() if one.destroyed_at is not None}


async def attest(connection: AsyncConnection, name: str, attested_by: str) -> bool:
    """Note who attests that a retired site was destroyed; say whether it is news."""
    ours = (site.c.name == name, site.c.state == SiteState.RETIRED, site.c.destroyed_at.is_(None))
    change = update(site).where(*ours).values(destroyed_at=func.now(), attested_by=attested_by)
    return bool((await connection.execute(change)).rowcount)


# Until the end of the transaction nobody retires one of them, nor declares another: who does, waits, and finds the
# new copies.
_TAKING = select(site.c.name, site.c.state).order_by(site.c.name).with_for_update(key_share=True, read=True)


async def taking(connection: AsyncConnection, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return which sites take new copies, until the transaction ends: those among `names`, and the others.

    `names` are those that this process knows. What it does not know of, or no more, is to have its copies too: a
    process with other settings writes them.
    """
    states = {row.name: SiteState(row.state) for row in await connection.execute(_TAKING)}
    closed = {name for name, state in states.items() if state in (SiteState.RETIRING, SiteState.RETIRED)}
    return [name for name in names if name not in closed], sorted(states.keys() - closed - set(names))


# Whoever takes something in now ends first, and whoever comes finds the new site.
_ALONE = text("LOCK TABLE site IN EXCLUSIVE MODE")


async def add(connection: AsyncConnection, name: str) -> SiteState | None:
    """Take a site in that is declared for the first time, to be filled where there is anything; None if known."""
    await connection.execute(_ALONE)
    anything = await connection.scalar(select(select(holding.c.id).exists()))
    state = SiteState.FILLING if anything else SiteState.ACTIVE
    row = {"name": name, "state": state}
    added = await connection.execute(upsert(site).values(row).on_conflict_do_nothing().returning(site.c.name))
    return None if added.one_or_none() is None else state


_ALL = select(site).order_by(site.c.name).with_for_update()


async def lock_all(connection: AsyncConnection) -> dict[str, KnownSite]:
    """Return every site, by name; until the transaction ends none moves, and nobody takes anything in."""
    rows = await connection.execute(_ALL)
    return {row.name: KnownSite(row.name, SiteState(row.state), row.since) for row in rows}


_LEAVING = select(site.c.state).where(site.c.name == bindparam("of")).with_for_update(key_share=True, read=True)


async def is_leaving(connection: AsyncConnection, name: str) -> bool:
    """Say whether a site is being retired, until the transaction ends."""
    return await connection.scalar(_LEAVING, {"of": name}) == SiteState.RETIRING


async def move(connection: AsyncConnection, name: str, before: Collection[SiteState], state: SiteState) -> bool:
    """Move a site from one of these states to another; say whether it was in one of them."""
    await connection.execute(select(site.c.name).where(site.c.name == name).with_for_update())
    change = update(site).where(site.c.name == name, site.c.state.in_(before)).values(state=state, since=func.now())
    return bool((await connection.execute(change)).rowcount)


_FILL = text(
    """
    WITH batch AS (
        SELECT id, version, state FROM holding WHERE (id, version) > (:id, :version)
        ORDER BY id, version LIMIT :most
    ),
    added AS (
        INSERT INTO copy (holding, version, site, state)
        SELECT id, version, :site, 'to_write' FROM batch WHERE state IN ('storing', 'stored', 'damaged')
        -- Where the site was being retired, and is kept: what lies there is judged before it is believed.
        ON CONFLICT (holding, version, site) DO UPDATE SET state = 'lost', verified_at = NULL, lost_at = NULL
        WHERE copy.state = 'retired'
        RETURNING holding, version
    )
    SELECT batch.id, batch.version, added.holding IS NOT NULL AS added
    FROM batch LEFT JOIN added ON added.holding = batch.id AND added.version = batch.version
    ORDER BY batch.id, batch.version
    """
)


async def add_copies(
    connection: AsyncConnection, name: str, after: HoldingKey, most: int
) -> tuple[list[HoldingKey], HoldingKey | None]:
    """Give the `most` next holdings behind `after` a copy to write on a site; return those, and the last looked at.

    None for the last where there is nothing behind it.
    """
    rows = (await connection.execute(_FILL, {"id": after[0], "version": after[1], "site": name, "most": most})).all()
    last = (rows[-1].id, rows[-1].version) if len(rows) == most else None
    return [(row.id, row.version) for row in rows if row.added], last


_LEFT = text(
    """
    SELECT count(*) AS copies, coalesce(sum(holding.size), 0) AS bytes
    FROM holding LEFT JOIN copy
         ON copy.holding = holding.id AND copy.version = holding.version AND copy.site = :site
    WHERE holding.state = 'stored'
      AND (copy.state IS NULL OR copy.state IN ('to_write', 'retired')
           OR (copy.state IN ('written', 'lost') AND copy.lost_at IS NULL))
    """
)


async def left_to_fill(connection: AsyncConnection, name: str) -> tuple[int, int]:
    """Return how many stored holdings, and bytes, a site is still to have for the first time: all are looked at."""
    row = (await connection.execute(_LEFT, {"site": name})).one()
    return row.copies, int(row.bytes)


_WAITING = select(func.count()).where(
    # By the index that whoever leases goes by.
    work.c.lane == Lane.BACKGROUND,
    work.c.kind.in_(("write", "verify")),
    work.c.owner == bindparam("whose"),
)


async def waiting(connection: AsyncConnection, owner: str) -> int:
    """Return how many copies are to be written, or read back, in the background for an owner."""
    return int(await connection.scalar(_WAITING, {"whose": owner}) or 0)


# A holding whose copies elsewhere are enough; :places are those of the :others, in their order.
_ELSEWHERE = """
    (SELECT count(DISTINCT other.place)
     FROM copy AS there JOIN unnest(:others, :places) AS other (name, place) ON other.name = there.site
     WHERE there.holding = holding.id AND there.version = holding.version AND {counts}) >= 2
"""
_SAFE = _ELSEWHERE.format(counts="there.state = 'verified'")
_READ_SINCE = _ELSEWHERE.format(counts="there.state = 'verified' AND there.verified_at >= :since")
_WILL_BE = _ELSEWHERE.format(counts="there.state IN ('to_write', 'written', 'verified', 'lost')")
_OTHERS = (bindparam("others", type_=ARRAY(Text)), bindparam("places", type_=ARRAY(Text)))

_LACKING = text(
    f"""
    SELECT count(*) AS holdings, min(key) AS first FROM holding
    WHERE state IN ('stored', 'damaged') AND NOT {_READ_SINCE}
    """  # noqa: S608 (what is put in is ours)
).bindparams(*_OTHERS)


async def lacking(connection: AsyncConnection, others: Mapping[str, str], since: datetime) -> tuple[int, str | None]:
    """Return how many holdings lack copies on two places of `others` (site → place), and the first key.

    Copies count that were read back whole `since` a moment: of others nobody knows whether they are still there.
    """
    row = (await connection.execute(_LACKING, {**_places(others), "since": since})).one()
    return row.holdings, row.first


def _places(others: Mapping[str, str]) -> dict[str, Any]:
    return {"others": list(others), "places": list(others.values())}


_ON_SITE = text(
    """
    SELECT holding, version FROM copy
    WHERE (holding, version) > (:id, :version) AND site = :site AND state NOT IN ('retired', 'purged')
    ORDER BY holding, version LIMIT :most
    """
)

_LEFT_ON = text("SELECT count(*) FROM copy WHERE site = :site AND state NOT IN ('retired', 'purged')")


async def left_on(connection: AsyncConnection, name: str) -> int:
    """Return how many copies of a site count, or may."""
    return int(await connection.scalar(_LEFT_ON, {"site": name}) or 0)


_LET_GO = text(
    f"""
    UPDATE copy SET state = 'retired' FROM holding
    WHERE copy.site = :site AND copy.state NOT IN ('retired', 'purged')
      AND holding.id = copy.holding AND holding.version = copy.version
      AND (copy.holding, copy.version) IN (SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS integer[])))
      AND CASE WHEN holding.state IN ('stored', 'damaged') THEN {_SAFE}
               WHEN holding.state = 'storing' THEN {_WILL_BE} ELSE true END
    RETURNING copy.holding, copy.version
    """  # noqa: S608 (what is put in is ours)
).bindparams(*_OTHERS)


async def on_site(connection: AsyncConnection, name: str, after: HoldingKey) -> list[HoldingKey]:
    """Return the next holdings behind `after` with a copy on a site."""
    rows = await connection.execute(_ON_SITE, {"id": after[0], "version": after[1], "site": name, "most": AT_ONCE})
    return [(row.holding, row.version) for row in rows]


async def let_go(
    connection: AsyncConnection, name: str, keys: Sequence[HoldingKey], others: Mapping[str, str]
) -> set[HoldingKey]:
    """Have a site's copies of holdings, locked before, count no more where `others` have enough; return those."""
    columns = {"ids": [key[0] for key in keys], "versions": [key[1] for key in keys]}
    rows = await connection.execute(_LET_GO, {"site": name, **columns, **_places(others)})
    return {(row.holding, row.version) for row in rows}
