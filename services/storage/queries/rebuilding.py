"""Questions of a rebuild about holdings and copies, and the rows it adds. Callers own the transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Text, any_, bindparam, func, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.domain.holdings import HoldingKey
from services.storage.domain.rebuilt import KnownCopy, Rebuilt
from services.storage.tables import copy, holding
from shared.database.plumbing import work
from shared.database.rows import add_rows, adding


@dataclass(frozen=True, slots=True)
class Standing:
    """A holding that is there."""

    id: UUID
    version: int
    state: str
    sha512: str
    size: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A copy of a stored holding that was not read back since it came back."""

    holding: UUID
    version: int
    site: str
    establishment: UUID | None
    size: int


_SHOWN = [holding.c[name] for name in Standing.__dataclass_fields__]
_STANDING = select(holding.c.key, *_SHOWN).where(holding.c.key == any_(bindparam("keys", type_=ARRAY(Text))))


async def standing(connection: AsyncConnection, keys: Sequence[str]) -> dict[str, Standing]:
    """Return what is there under keys."""
    rows = await connection.execute(_STANDING, {"keys": list(keys)})
    return {row.key: Standing(row.id, row.version, row.state, row.sha512, row.size) for row in rows}


async def versions_in(connection: AsyncConnection, aip_id: UUID, states: Collection[str]) -> list[int]:
    """Return the versions of an AIP that are in one of these states."""
    is_it = (holding.c.id == aip_id) & (holding.c.kind == "aip") & holding.c.state.in_(states)
    return list(await connection.scalars(select(holding.c.version).where(is_it).order_by(holding.c.version)))


_HOLDING = (
    "id",
    "version",
    "kind",
    "establishment",
    "key",
    "sha512",
    "size",
    "state",
    "facts",
    "taken_at",
    "stored_at",
)
_ADD_HOLDINGS = adding(holding, _HOLDING, ("id", "version"))
_COPY = ("holding", "version", "site", "state", "version_id", "written_at")
_ADD_COPIES = adding(copy, _COPY, ("site",))


async def add(connection: AsyncConnection, found: Sequence[Rebuilt]) -> list[HoldingKey]:
    """Add holdings and copies that are not there; return the holdings of which others are there."""
    added = set(await add_rows(connection, _ADD_HOLDINGS, [_holding_row(one) for one in found]))
    rest = [one for one in found if (one.id, one.version) not in added]
    there = await standing(connection, [one.key for one in rest]) if rest else {}
    others = others_than(rest, there)
    copies = [_copy_row(one, each) for one in found if (one.id, one.version) not in others for each in one.copies]
    await add_rows(connection, _ADD_COPIES, copies)
    storing = {key for key, one in there.items() if one.state == "storing"}
    await _conclude(connection, [one for one in found if one.key in storing and (one.id, one.version) not in others])
    return others


def others_than(found: Sequence[Rebuilt], there: Mapping[str, Standing]) -> list[HoldingKey]:
    """Return those under whose name something else is there, or under whose key nothing is."""
    return [(one.id, one.version) for one in found if not _is_same(one, there.get(one.key))]


async def under_other_keys(connection: AsyncConnection, found: Sequence[Rebuilt]) -> list[HoldingKey]:
    """Return the holdings that are there under another key than the one that was found."""
    keys = {(one.id, one.version): one.key for one in found}
    columns = (holding.c.id, holding.c.version, holding.c.key)
    rows = await connection.execute(select(*columns).where(tuple_(*columns[:2]).in_(list(keys))))
    return [(row.id, row.version) for row in rows if keys[row.id, row.version] != row.key]


_WRITTEN = (
    update(copy)
    .where(
        copy.c.holding == bindparam("of"),
        copy.c.version == bindparam("in_version"),
        copy.c.site == bindparam("on_site"),
        copy.c.state == "to_write",
    )
    .values(state="written", version_id=bindparam("known_id"), written_at=bindparam("known_at"))
)
_STORED = (
    update(holding)
    .where(
        holding.c.id == bindparam("of"), holding.c.version == bindparam("in_version"), holding.c.state == "storing"
    )
    .values(state="stored", stored_at=bindparam("known_at"))
)


async def _conclude(connection: AsyncConnection, found: Sequence[Rebuilt]) -> None:
    """Note as stored what was still being stored when the database was last backed up."""
    copies = [
        {"of": one.id, "in_version": one.version, "on_site": each.site, "known_id": each.version_id}
        | {"known_at": each.written_at}
        for one in found
        for each in one.copies
    ]
    if copies:
        await connection.execute(_WRITTEN, copies)
    if found:
        stored = [{"of": one.id, "in_version": one.version, "known_at": one.stored_at} for one in found]
        await connection.execute(_STORED, stored)


def _is_same(one: Rebuilt, there: Standing | None) -> bool:
    return there is not None and (there.id, there.version, there.sha512) == (one.id, one.version, one.sha512)


def _holding_row(one: Rebuilt) -> dict[str, Any]:
    return {
        "id": one.id,
        "version": one.version,
        "kind": one.kind,
        "establishment": one.establishment,
        "key": one.key,
        "sha512": one.sha512,
        "size": one.size,
        "state": "stored",
        "facts": dict(one.facts),
        "taken_at": one.stored_at,
        "stored_at": one.stored_at,
    }


def _copy_row(one: Rebuilt, each: KnownCopy) -> dict[str, Any]:
    return {
        "holding": one.id,
        "version": one.version,
        "site": each.site,
        "state": "written",
        "version_id": each.version_id,
        "written_at": each.written_at,
    }


async def purge_copies(connection: AsyncConnection, keys: Sequence[HoldingKey]) -> None:
    """Note that nothing is left of the copies of holdings."""
    if keys:
        of_these = tuple_(copy.c.holding, copy.c.version).in_(list(keys))
        await connection.execute(update(copy).where(of_these).values(state="purged"))


_FILL_AGAIN = text(
    """UPDATE site SET state = 'filling', since = now() WHERE state = 'active' AND EXISTS (
           SELECT FROM holding WHERE state IN ('stored', 'damaged') AND NOT EXISTS (
               SELECT FROM copy WHERE copy.holding = holding.id AND copy.version = holding.version
                   AND copy.site = site.name))
       RETURNING name"""
)


async def fill_again(connection: AsyncConnection) -> list[str]:
    """Note as being filled the sites that have no copy of something that is kept; return them."""
    return list(await connection.scalars(_FILL_AGAIN))


_WAITING = select(func.count()).select_from(work).where(work.c.kind == "verify")


async def waiting(connection: AsyncConnection) -> int:
    """Return how many copies wait to be read back."""
    return int(await connection.scalar(_WAITING) or 0)


_KEY = func.concat_ws("/", copy.c.holding, copy.c.version, copy.c.site)
_ASKED = select(work.c.id).where(work.c.kind.in_(("verify", "write")), work.c.key == _KEY).exists()
# The words of the index `ix_copy_unread`: only what is said alike can be answered from it.
_UNREAD = (
    select(copy.c.holding, copy.c.version, copy.c.site, holding.c.establishment, holding.c.size)
    .join_from(copy, holding, tuple_(copy.c.holding, copy.c.version) == tuple_(holding.c.id, holding.c.version))
    .where(text("copy.state = 'written'"), holding.c.state == "stored", ~_ASKED)
    .order_by(copy.c.holding, copy.c.version, copy.c.site)
)


async def unread(connection: AsyncConnection, most: int) -> list[Unread]:
    """Return copies of stored holdings that were not read back, and that nobody was asked to read; oldest first."""
    return [Unread(*row) for row in await connection.execute(_UNREAD.limit(most))]
