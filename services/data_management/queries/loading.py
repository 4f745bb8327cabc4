"""Bulk writing of one AIP's catalogue, a batch of entries at a time.

Rows go as one JSON array a batch, into which PostgreSQL looks: `COPY` is refused by row-level security, and
a temporary table for each of a million small deposits a year would swell the system catalogues.
"""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.data_management import tables
from services.data_management.domain.catalogue import CataloguedAip, CataloguedObject
from services.data_management.domain.units import PlacedUnit, StandingAip

_UNITS = text("""
    INSERT INTO unit (id, establishment, aip_id, transfer_id, position, depth, first_day, last_day, xml_id,
        level, title, start_date, end_date, profile, parents, identifiers, terms, description, rules, content)
    SELECT id, :establishment, :aip_id, :transfer_id, position, depth, first_day, last_day, xml_id,
        level, title, start_date, end_date, profile, parents, identifiers, terms, description, rules, content
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (
        id uuid, position integer, depth integer, first_day date, last_day date, xml_id text, level text,
        title text, start_date text, end_date text, profile text, parents uuid[], identifiers text[],
        terms text[], description text, rules jsonb, content jsonb)
""")

_CHILDREN = text("""
    INSERT INTO unit_child (parent_id, position, establishment, unit_id)
    SELECT parent_id, position, :establishment, unit_id
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (parent_id uuid, position integer, unit_id uuid)
""")

_LINKS = text("""
    INSERT INTO unit_object (unit_id, object_id, establishment, position)
    SELECT unit_id, object_id, :establishment, position
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (unit_id uuid, object_id uuid, position integer)
""")

_OBJECTS = text("""
    INSERT INTO object (id, establishment, aip_id, transfer_id, position, size, file_offset, xml_id, kind,
        group_id, usage, physical_id, filename, path, sha512, puid, format_name, mime, declared)
    SELECT id, :establishment, :aip_id, :transfer_id, position, size, file_offset, xml_id, kind,
        group_id, usage, physical_id, filename, path, sha512, puid, format_name, mime, declared
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (
        id uuid, position integer, size bigint, file_offset bigint, xml_id text, kind text, group_id uuid,
        usage text, physical_id text, filename text, path text, sha512 text, puid text, format_name text,
        mime text, declared jsonb)
""")


async def standing_aip(connection: AsyncConnection, aip_id: UUID) -> StandingAip | None:
    """Return what stands in the catalogue of an AIP; None when it is not there."""
    aip = tables.aip.c
    found = select(aip.version, aip.units, aip.objects).where(aip.aip_id == aip_id)
    row = (await connection.execute(found)).one_or_none()
    return None if row is None else StandingAip(row.version, row.units, row.objects)


async def add_aip(connection: AsyncConnection, found: CataloguedAip, version: int, sha512: str) -> bool:
    """Enter an AIP; False when it is there. Whoever else is entering it is waited for."""
    values: dict[str, Any] = {
        "aip_id": found.aip_id,
        "establishment": found.establishment,
        "transfer_id": found.transfer_id,
        "version": version,
        "catalogue_sha512": sha512,
        "units": found.units,
        "objects": found.objects,
        "head": dict(found.head),
    }
    entered = insert(tables.aip).values(values).on_conflict_do_nothing().returning(tables.aip.c.aip_id)
    return (await connection.execute(entered)).one_or_none() is not None


async def remove_aip(connection: AsyncConnection, aip_id: UUID) -> None:
    """Take an AIP out, before a newer version of it takes its place."""
    ours = select(tables.unit.c.id).where(tables.unit.c.aip_id == aip_id)
    await connection.execute(delete(tables.unit_object).where(tables.unit_object.c.unit_id.in_(ours)))
    await connection.execute(delete(tables.unit_child).where(tables.unit_child.c.parent_id.in_(ours)))
    for table in (tables.unit, tables.data_object, tables.aip):
        await connection.execute(delete(table).where(table.c.aip_id == aip_id))


async def add_units(connection: AsyncConnection, aip: CataloguedAip, units: Sequence[PlacedUnit]) -> None:
    """Enter units, and with each its place below its parents and its objects."""
    await _insert(connection, _UNITS, aip, [_unit_row(placed) for placed in units])
    children = [
        {"parent_id": parent, "position": placed.position, "unit_id": placed.unit.id}
        for placed in units
        for parent in placed.unit.parents
    ]
    await _insert(connection, _CHILDREN, aip, children)
    links = [
        {"unit_id": placed.unit.id, "object_id": held, "position": number}
        for placed in units
        for number, held in enumerate(placed.unit.objects)
    ]
    await _insert(connection, _LINKS, aip, links)


async def add_objects(
    connection: AsyncConnection, aip: CataloguedAip, first: int, objects: Sequence[CataloguedObject]
) -> None:
    """Enter data objects; the first of them stands at position `first`."""
    rows = [_object_row(found, position) for position, found in enumerate(objects, first)]
    await _insert(connection, _OBJECTS, aip, rows)


async def _insert(
    connection: AsyncConnection,
    statement: TextClause,
    aip: CataloguedAip,
    rows: list[dict[str, Any]],
) -> None:
    if not rows:
        return
    parameters: dict[str, Any] = {
        "rows": json.dumps(rows, ensure_ascii=False, separators=(",", ":"), default=str),
        "establishment": aip.establishment,
    }
    if statement in (_UNITS, _OBJECTS):
        parameters |= {"aip_id": aip.aip_id, "transfer_id": aip.transfer_id}
    await connection.execute(statement, parameters)


def _unit_row(placed: PlacedUnit) -> dict[str, Any]:
    unit = placed.unit
    return {
        "id": unit.id,
        "position": placed.position,
        "depth": placed.depth,
        "first_day": placed.first_day,
        "last_day": placed.last_day,
        "xml_id": unit.xml_id,
        "level": unit.level,
        "title": unit.title,
        "start_date": unit.start_date,
        "end_date": unit.end_date,
        "profile": unit.profile,
        "parents": unit.parents,
        "identifiers": unit.identifiers,
        "terms": unit.terms,
        "description": unit.description,
        "rules": unit.rules,
        "content": unit.content,
    }


def _object_row(found: CataloguedObject, position: int) -> dict[str, Any]:
    return {
        "id": found.id,
        "position": position,
        "size": found.size,
        "file_offset": found.offset,
        "xml_id": found.xml_id,
        "kind": found.kind,
        "group_id": found.group,
        "usage": found.usage,
        "physical_id": found.physical_id,
        "filename": found.filename,
        "path": found.path,
        "sha512": found.sha512,
        "puid": found.format["puid"],
        "format_name": found.format["name"],
        "mime": found.format["mime"],
        "declared": found.declared,
    }
