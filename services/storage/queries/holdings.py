"""Holdings and their copies: the copy map."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Row, RowMapping, Text, bindparam, func, insert, select, tuple_, update
from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.domain.copies import Copy, CopyState
from services.storage.domain.holdings import CopyKey, Holding, HoldingKey
from services.storage.tables import copy, holding
from shared.checksums import Measure


def _holding(row: Row[Any]) -> Holding:
    return Holding(**row._mapping)  # noqa: SLF001 (SQLAlchemy's documented name)


# Built once: they run several times for each AIP.
_NEWEST = select(holding).where(holding.c.id == bindparam("of")).order_by(holding.c.version.desc()).limit(1)
_NEWEST_LOCKED = _NEWEST.with_for_update()
_KEYS = (
    func.unnest(bindparam("ids", type_=ARRAY(UUID_TYPE)), bindparam("versions", type_=ARRAY(Integer)))
    .table_valued("id", "version")
    .render_derived(name="wanted")
)
_AMONG = tuple_(holding.c.id, holding.c.version).in_(select(_KEYS))
# In one order, so that two transactions that lock the same ones never wait for each other.
_LOCKED = select(holding).where(_AMONG).order_by(holding.c.id, holding.c.version).with_for_update()
_ADD = upsert(holding).on_conflict_do_nothing().returning(holding.c.id, holding.c.version)
_ADD_COPIES = insert(copy)
_COPIES = select(copy).where(tuple_(copy.c.holding, copy.c.version).in_(select(_KEYS))).order_by(copy.c.site)


def _columns(keys: Collection[HoldingKey]) -> dict[str, list[Any]]:
    return {"ids": [key[0] for key in keys], "versions": [key[1] for key in keys]}


async def newest(connection: AsyncConnection, holding_id: UUID, *, lock: bool = False) -> Holding | None:
    """Return the newest version of a holding, locked until the transaction ends if asked."""
    row = (await connection.execute(_NEWEST_LOCKED if lock else _NEWEST, {"of": holding_id})).one_or_none()
    return None if row is None else _holding(row)


async def lock_holdings(connection: AsyncConnection, keys: Collection[HoldingKey]) -> dict[HoldingKey, Holding]:
    """Return holdings, locked until the transaction ends."""
    rows = await connection.execute(_LOCKED, _columns(keys))
    return {(row.id, row.version): _holding(row) for row in rows}


async def add_holdings(
    connection: AsyncConnection, holdings: Sequence[Mapping[str, Any]], sites: Sequence[str]
) -> set[HoldingKey]:
    """Add holdings, each with a copy to write on each site; return those that were not there yet."""
    rows = [{"state": "storing", **values} for values in holdings]
    added = {(row.id, row.version) for row in await connection.execute(_ADD, rows)}
    to_write = [
        {"holding": holding_id, "version": version, "site": site, "state": "to_write"}
        for holding_id, version in added
        for site in sites
    ]
    if to_write:
        await connection.execute(_ADD_COPIES, to_write)
    return added


async def set_states(connection: AsyncConnection, keys: Collection[HoldingKey], state: str) -> None:
    """Move holdings, locked before, to a state."""
    if not keys:
        return
    # Once for all: what comes back from damage was stored when it was.
    stored_at = func.coalesce(holding.c.stored_at, func.now()) if state == "stored" else holding.c.stored_at
    change = update(holding).where(_AMONG).values(state=state, stored_at=stored_at)
    await connection.execute(change, _columns(keys))


async def forget(connection: AsyncConnection, keys: Collection[HoldingKey], kept: Sequence[str]) -> None:
    """Note that nothing is left of holdings, locked before; of their facts those that are named stay."""
    facts = func.jsonb_build_object(*(part for name in kept for part in (name, holding.c.facts[name])))
    change = update(holding).where(_AMONG).values(state="purged", facts=facts)
    await connection.execute(change, _columns(keys))


_PAIRS = select(*holding.c, *(column.label(f"copy_{column.name}") for column in copy.c)).join_from(
    holding, copy, (copy.c.holding == holding.c.id) & (copy.c.version == holding.c.version)
)

# One that is still being stored, or was refused, stands for nothing while there is another.
_UNFINISHED = holding.c.state.in_(("storing", "refused"))
_STANDING = (
    select(holding.c.version)
    .where(holding.c.id == bindparam("of"))
    .order_by(_UNFINISHED, holding.c.version.desc())
    .limit(1)
    .scalar_subquery()
)
_WITH_COPIES = _PAIRS.where(
    holding.c.id == bindparam("of"),
    holding.c.version == func.coalesce(bindparam("wanted", type_=Integer), _STANDING),
).order_by(copy.c.site)

_SUBJECTS = _PAIRS.where(
    tuple_(copy.c.holding, copy.c.version, copy.c.site).in_(
        select(
            func.unnest(
                bindparam("ids", type_=ARRAY(UUID_TYPE)),
                bindparam("versions", type_=ARRAY(Integer)),
                bindparam("sites", type_=ARRAY(Text)),
            )
            .table_valued("id", "version", "site")
            .render_derived(name="wanted")
        )
    )
)


async def subjects(connection: AsyncConnection, keys: Sequence[CopyKey]) -> dict[CopyKey, tuple[Holding, Copy]]:
    """Return copies, each with its holding, in one question."""
    wanted = {**_columns([(key[0], key[1]) for key in keys]), "sites": [key[2] for key in keys]}
    pairs = [_pair(row) for row in (await connection.execute(_SUBJECTS, wanted)).mappings()]
    return {(held.id, held.version, one.site): (held, one) for held, one in pairs}


def _pair(row: RowMapping) -> tuple[Holding, Copy]:
    held = Holding(**{name: value for name, value in row.items() if not name.startswith("copy_")})
    return held, _copy(held, {name.removeprefix("copy_"): value for name, value in row.items()})


async def with_copies(
    connection: AsyncConnection, holding_id: UUID, version: int | None = None
) -> tuple[Holding, list[Copy]] | None:
    """Return a version of a holding (None: the newest that stands) with its copies by site, in one question."""
    rows = (await connection.execute(_WITH_COPIES, {"of": holding_id, "wanted": version})).mappings().all()
    if not rows:
        return None
    held, _ = _pair(rows[0])
    return held, [_pair(row)[1] for row in rows]


async def copies_of_all(connection: AsyncConnection, holdings: Collection[Holding]) -> dict[HoldingKey, list[Copy]]:
    """Return every copy of holdings, by site."""
    by_key = {(held.id, held.version): held for held in holdings}
    if not by_key:
        return {}
    found: dict[HoldingKey, list[Copy]] = {key: [] for key in by_key}
    for row in (await connection.execute(_COPIES, _columns(by_key))).mappings():
        key = (row["holding"], row["version"])
        found[key].append(_copy(by_key[key], dict(row)))
    return found


def _copy(held: Holding, row: Mapping[str, Any]) -> Copy:
    return Copy(
        site=row["site"],
        key=held.key,
        expected=Measure(sha512=held.sha512, size=held.size),
        state=CopyState(row["state"]),
        version_id=row["version_id"],
        written_by=row["written_by"],
        written_at=row["written_at"],
        verified_at=row["verified_at"],
        lost_at=row["lost_at"],
    )


_PUT_COPY = update(copy).where(
    copy.c.holding == bindparam("of"),
    copy.c.version == bindparam("in_version"),
    copy.c.site == bindparam("on_site"),
    # Whoever wrote, or read, while it was purged or its site retired, comes too late.
    copy.c.state != "retired",
    copy.c.state != "purged",
)


async def put_copies(connection: AsyncConnection, copies: Sequence[tuple[Holding, Copy]]) -> None:
    """Write down where copies stand now; of one that was purged meanwhile nothing changes."""
    rows = [
        {
            "of": held.id,
            "in_version": held.version,
            "on_site": now.site,
            "state": now.state.value,
            "version_id": now.version_id,
            "written_by": now.written_by,
            "written_at": now.written_at,
            "verified_at": now.verified_at,
            "lost_at": now.lost_at,
        }
        for held, now in copies
    ]
    await connection.execute(_PUT_COPY, rows)


_VERSIONS = _PAIRS.where(holding.c.id == bindparam("of")).order_by(holding.c.version.desc(), copy.c.site)


async def versions_with_copies(connection: AsyncConnection, holding_id: UUID) -> list[tuple[Holding, list[Copy]]]:
    """Return every version of a holding with its copies by site, the newest first, in one question."""
    found: dict[int, tuple[Holding, list[Copy]]] = {}
    for row in (await connection.execute(_VERSIONS, {"of": holding_id})).mappings():
        held, one = _pair(row)
        found.setdefault(held.version, (held, []))[1].append(one)
    return list(found.values())
