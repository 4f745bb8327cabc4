"""Searching and reading; rows come back as far as row-level security lets this transaction see."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Date, Double, Integer, Row, Select, Text, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from services.data_management import tables
from services.data_management.domain.search import EXACT_UP_TO, Place, Search

Rows = Sequence[Row[Any]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of units, in order, and where the next begins; `total` is counted to `EXACT_UP_TO` + 1."""

    units: Rows
    following: Place | None
    total: int


_SEARCH = text("""
    SELECT id, aip_id, position, rank, total FROM search_units(
        :establishments, :words, :identifier, :level, :aip, :transfer, :parent, :start_from, :end_to,
        :after_rank, :after_aip, :after_position, :page)
""").bindparams(
    bindparam("establishments", type_=ARRAY(PG_UUID)),
    bindparam("words", type_=Text),
    bindparam("identifier", type_=Text),
    bindparam("level", type_=Text),
    *(bindparam(name, type_=PG_UUID) for name in ("aip", "transfer", "parent", "after_aip")),
    *(bindparam(name, type_=Date) for name in ("start_from", "end_to")),
    bindparam("after_rank", type_=Double),
    *(bindparam(name, type_=Integer) for name in ("after_position", "page")),
)


async def search(connection: AsyncConnection, wanted: Search, after: Place | None, limit: int) -> Page:
    """Return a page of the units that answer a search, within the scope of this transaction."""
    parameters = {
        "establishments": None if wanted.establishments is None else list(wanted.establishments),
        "words": wanted.words,
        "identifier": wanted.identifier,
        "level": wanted.level,
        "aip": wanted.aip,
        "transfer": wanted.transfer,
        "parent": wanted.parent,
        "start_from": wanted.start_from,
        "end_to": wanted.end_to,
        "after_rank": None if after is None else after.rank,
        "after_aip": None if after is None else after.aip,
        "after_position": None if after is None else after.position,
        "page": limit + 1,
    }
    keys = (await connection.execute(_SEARCH, parameters)).all()
    found = await units_by_id(connection, [key.id for key in keys[:limit]])
    last = keys[limit - 1] if len(keys) > limit else None
    following = None if last is None else Place(last.aip_id, last.position, last.rank)
    units = [found[key.id] for key in keys[:limit] if key.id in found]
    return Page(units, following, keys[0].total if keys else 0)


async def units_by_id(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Row[Any]]:
    """Return those of these units that can be seen, by id."""
    rows = (await connection.execute(select(tables.unit).where(tables.unit.c.id.in_(ids)))).all()
    return {row.id: row for row in rows}


async def unit(connection: AsyncConnection, unit_id: UUID) -> Row[Any] | None:
    """Return one unit, or None where there is none to be seen."""
    return (await units_by_id(connection, [unit_id])).get(unit_id)


async def children(connection: AsyncConnection, parent: UUID, after: Place | None, limit: int) -> Page:
    """Return a page of the units directly below one, in the order of the deposit."""
    child = tables.unit_child.c
    below = select(tables.unit).join(
        tables.unit_child,
        (child.unit_id == tables.unit.c.id) & (child.establishment == tables.unit.c.establishment),
    )
    chosen = below.where(child.parent_id == parent)
    if after is not None:
        chosen = chosen.where(child.position > after.position)
    counted = select(1).where(child.parent_id == parent).limit(EXACT_UP_TO + 1).subquery()
    total = await connection.scalar(select(func.count()).select_from(counted))
    return await _page(connection, chosen.order_by(child.position), limit, total or 0)


async def branch(connection: AsyncConnection, root: UUID, after: Place | None, limit: int) -> Page:
    """Return a page of a unit and all that is below it, parents first, in the order of the deposit."""
    child = tables.unit_child.c
    walk = select(tables.unit.c.id).where(tables.unit.c.id == root).cte("walk", recursive=True)
    # UNION, not UNION ALL: a unit with two parents in the branch is one unit.
    walk = walk.union(select(child.unit_id).where(child.parent_id == walk.c.id))
    chosen = select(tables.unit).where(tables.unit.c.id.in_(select(walk.c.id)))
    if after is not None:
        chosen = chosen.where(tables.unit.c.position > after.position)
    total = await connection.scalar(select(func.count()).select_from(walk))
    return await _page(connection, chosen.order_by(tables.unit.c.position), limit, total or 0)


async def _page(connection: AsyncConnection, chosen: Select[Any], limit: int, total: int) -> Page:
    rows = (await connection.execute(chosen.limit(limit + 1))).all()
    last = rows[limit - 1] if len(rows) > limit else None
    following = None if last is None else Place(last.aip_id, last.position)
    return Page(rows[:limit], following, total)


async def objects_of(connection: AsyncConnection, units: Rows) -> dict[UUID, list[Row[Any]]]:
    """Return the data objects of each of these units, in the order the unit names them."""
    link, found = tables.unit_object, tables.data_object
    together = (link.c.object_id == found.c.id) & (link.c.establishment == found.c.establishment)
    rows = await connection.execute(
        select(link.c.unit_id, found)
        .join(found, together)
        .where(link.c.unit_id.in_([each.id for each in units]))
        .order_by(link.c.unit_id, link.c.position)
    )
    held: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        held[row.unit_id].append(row)
    return held


async def data_object(connection: AsyncConnection, object_id: UUID) -> Row[Any] | None:
    """Return one data object, with the version of its AIP; None where there is none to be seen."""
    found, aip = tables.data_object, tables.aip
    together = (aip.c.aip_id == found.c.aip_id) & (aip.c.establishment == found.c.establishment)
    wanted = select(found, aip.c.version.label("aip_version")).join(aip, together).where(found.c.id == object_id)
    return (await connection.execute(wanted)).one_or_none()
