"""Every question storage asks its database, and every line it writes there. Callers own the transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.domain.copies import Copy, CopyState
from services.storage.tables import copy, holding
from shared.checksums import Measure


@dataclass(frozen=True, slots=True)
class Holding:
    """One AIP or record that storage keeps, in one version; `facts` is what its sender told of it."""

    id: UUID
    version: int
    kind: str
    establishment: UUID | None
    key: str
    sha512: str
    size: int
    state: str
    facts: dict[str, Any]
    taken_at: datetime
    stored_at: datetime | None


def _holding(row: Row[Any]) -> Holding:
    return Holding(**row._mapping)  # noqa: SLF001 (SQLAlchemy's documented name)


# Built once: they run several times for each AIP.
_NEWEST = select(holding).where(holding.c.id == bindparam("of")).order_by(holding.c.version.desc()).limit(1)
_NEWEST_LOCKED = _NEWEST.with_for_update()
_ONE = select(holding).where(holding.c.id == bindparam("of"), holding.c.version == bindparam("in_version"))
_ONE_LOCKED = _ONE.with_for_update()
_ADD = upsert(holding).on_conflict_do_nothing().returning(holding.c.id)
_ADD_COPIES = insert(copy)
_COPIES = (
    select(copy)
    .where(copy.c.holding == bindparam("of"), copy.c.version == bindparam("in_version"))
    .order_by(copy.c.site)
)


async def newest(connection: AsyncConnection, holding_id: UUID, *, lock: bool = False) -> Holding | None:
    """Return the newest version of a holding, locked until the transaction ends if asked."""
    row = (await connection.execute(_NEWEST_LOCKED if lock else _NEWEST, {"of": holding_id})).one_or_none()
    return None if row is None else _holding(row)


async def get_holding(
    connection: AsyncConnection, holding_id: UUID, version: int, *, lock: bool = False
) -> Holding | None:
    """Return one version of a holding."""
    wanted = {"of": holding_id, "in_version": version}
    row = (await connection.execute(_ONE_LOCKED if lock else _ONE, wanted)).one_or_none()
    return None if row is None else _holding(row)


async def add_holding(connection: AsyncConnection, values: dict[str, Any], sites: Iterable[str]) -> bool:
    """Add a holding with a copy to write on each site; False when that version is there already."""
    added = await connection.execute(_ADD, {"state": "storing", **values})
    if added.one_or_none() is None:
        return False
    to_write = [
        {"holding": values["id"], "version": values["version"], "site": site, "state": "to_write"} for site in sites
    ]
    await connection.execute(_ADD_COPIES, to_write)
    return True


async def set_state(connection: AsyncConnection, held: Holding, state: str) -> None:
    """Move a holding, locked before, to a state."""
    change: dict[str, Any] = {"state": state}
    if state == "stored":
        change["stored_at"] = func.now()
    ours = (holding.c.id == held.id) & (holding.c.version == held.version)
    await connection.execute(update(holding).where(ours).values(change))


_SUBJECT = (
    select(*holding.c, *(column.label(f"copy_{column.name}") for column in copy.c))
    .join_from(holding, copy, (copy.c.holding == holding.c.id) & (copy.c.version == holding.c.version))
    .where(
        holding.c.id == bindparam("of"),
        holding.c.version == bindparam("in_version"),
        copy.c.site == bindparam("on_site"),
    )
)


async def subject(
    connection: AsyncConnection, holding_id: UUID, version: int, site: str
) -> tuple[Holding, Copy] | None:
    """Return a holding and its copy on one site, in one question."""
    wanted = {"of": holding_id, "in_version": version, "on_site": site}
    row = (await connection.execute(_SUBJECT, wanted)).one_or_none()
    if row is None:
        return None
    values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's documented name)
    held = Holding(**{name: value for name, value in values.items() if not name.startswith("copy_")})
    return held, _copy(held, {name.removeprefix("copy_"): value for name, value in values.items()})


async def copies_of(connection: AsyncConnection, held: Holding) -> list[Copy]:
    """Return every copy of a holding, by site."""
    rows = await connection.execute(_COPIES, {"of": held.id, "in_version": held.version})
    return [_copy(held, dict(row)) for row in rows.mappings()]


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
    )


_PUT_COPY = update(copy).where(
    copy.c.holding == bindparam("of"),
    copy.c.version == bindparam("in_version"),
    copy.c.site == bindparam("on_site"),
)


async def put_copy(connection: AsyncConnection, held: Holding, now: Copy) -> None:
    """Write down where a copy stands now."""
    values = {
        "of": held.id,
        "in_version": held.version,
        "on_site": now.site,
        "state": now.state.value,
        "version_id": now.version_id,
        "written_by": now.written_by,
        "written_at": now.written_at,
        "verified_at": now.verified_at,
    }
    await connection.execute(_PUT_COPY, values)
