"""Bulk writing of catalogues, a batch of entries at a time.

Rows go as one JSON document a batch, into which PostgreSQL looks: `COPY` is refused by row-level security, and
a temporary table for each of a million small deposits a year would swell the system catalogues.
"""

import json
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.data_management import tables
from services.data_management.domain.catalogue import CataloguedAip, CataloguedObject
from services.data_management.domain.units import PlacedUnit, StandingAip
from services.data_management.reading import Part

# One statement for all the entries of a batch, whatever AIPs they belong to.
_ADD = text("""
    WITH part AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:parts AS jsonb)) AS given (
            establishment uuid, aip_id uuid, transfer_id uuid,
            units jsonb, children jsonb, links jsonb, objects jsonb)),
    units AS (
        INSERT INTO unit (id, establishment, aip_id, transfer_id, position, depth, first_day, last_day, xml_id,
            level, title, start_date, end_date, profile, parents, identifiers, terms, description, rules, content)
        SELECT one.id, part.establishment, part.aip_id, part.transfer_id, position, depth, first_day, last_day,
            xml_id, level, title, start_date, end_date, profile, parents, identifiers, terms, description, rules,
            content
        FROM part, jsonb_to_recordset(part.units) AS one (
            id uuid, position integer, depth integer, first_day date, last_day date, xml_id text, level text,
            title text, start_date text, end_date text, profile text, parents uuid[], identifiers text[],
            terms text[], description text, rules jsonb, content jsonb)),
    children AS (
        INSERT INTO unit_child (parent_id, position, establishment, unit_id)
        SELECT one.parent_id, one.position, part.establishment, one.unit_id
        FROM part, jsonb_to_recordset(part.children) AS one (parent_id uuid, position integer, unit_id uuid)),
    links AS (
        INSERT INTO unit_object (unit_id, object_id, establishment, position)
        SELECT one.unit_id, one.object_id, part.establishment, one.position
        FROM part, jsonb_to_recordset(part.links) AS one (unit_id uuid, object_id uuid, position integer))
    INSERT INTO object (id, establishment, aip_id, transfer_id, position, size, file_offset, xml_id, kind,
        group_id, usage, physical_id, filename, path, sha512, puid, format_name, mime, declared)
    SELECT one.id, part.establishment, part.aip_id, part.transfer_id, position, size, file_offset, xml_id, kind,
        group_id, usage, physical_id, filename, path, sha512, puid, format_name, mime, declared
    FROM part, jsonb_to_recordset(part.objects) AS one (
        id uuid, position integer, size bigint, file_offset bigint, xml_id text, kind text, group_id uuid,
        usage text, physical_id text, filename text, path text, sha512 text, puid text, format_name text,
        mime text, declared jsonb)
""")


async def standing_aips(connection: AsyncConnection, aip_ids: Collection[UUID]) -> dict[UUID, StandingAip]:
    """Return what stands in the catalogue of AIPs; those that are not there are left out."""
    aip = tables.aip.c
    found = select(aip.aip_id, aip.version, aip.units, aip.objects, aip.purged_by).where(aip.aip_id.in_(aip_ids))
    return {
        row.aip_id: StandingAip(row.version, row.units, row.objects, row.purged_by is not None)
        for row in await connection.execute(found)
    }


async def add_aips(connection: AsyncConnection, found: Sequence[tuple[CataloguedAip, int, str]]) -> set[UUID]:
    """Enter AIPs, each with its version and its catalogue's digest; return those that were not there.

    Whoever else is entering one of them is waited for.
    """
    rows = [
        {
            "aip_id": aip.aip_id,
            "establishment": aip.establishment,
            "transfer_id": aip.transfer_id,
            "version": version,
            "catalogue_sha512": sha512,
            "units": aip.units,
            "objects": aip.objects,
            "head": dict(aip.head),
        }
        for aip, version, sha512 in found
    ]
    return set((await connection.scalars(_ADD_AIPS, rows)).all()) if rows else set()


_ADD_AIPS = insert(tables.aip).on_conflict_do_nothing().returning(tables.aip.c.aip_id)


async def remove_aip(connection: AsyncConnection, aip_id: UUID) -> None:
    """Take an AIP out, before a newer version of it takes its place."""
    await remove_contents(connection, aip_id)
    await connection.execute(delete(tables.aip).where(tables.aip.c.aip_id == aip_id))


async def remove_contents(connection: AsyncConnection, aip_id: UUID) -> None:
    """Take all that an AIP holds out of the catalogue."""
    ours = select(tables.unit.c.id).where(tables.unit.c.aip_id == aip_id)
    await connection.execute(delete(tables.unit_object).where(tables.unit_object.c.unit_id.in_(ours)))
    await connection.execute(delete(tables.unit_child).where(tables.unit_child.c.parent_id.in_(ours)))
    for table in (tables.unit, tables.data_object):
        await connection.execute(delete(table).where(table.c.aip_id == aip_id))


async def add_parts(connection: AsyncConnection, parts: Sequence[Part]) -> None:
    """Enter units and data objects, and with each unit its place below its parents and its objects."""
    if not parts:
        return
    rows = json.dumps([_part_row(part) for part in parts], ensure_ascii=False, separators=(",", ":"), default=str)
    await connection.execute(_ADD, {"parts": rows})


def _part_row(part: Part) -> dict[str, Any]:
    children = [
        {"parent_id": parent, "position": placed.position, "unit_id": placed.unit.id}
        for placed in part.units
        for parent in placed.unit.parents
    ]
    links = [
        {"unit_id": placed.unit.id, "object_id": held, "position": number}
        for placed in part.units
        for number, held in enumerate(placed.unit.objects)
    ]
    return {
        "establishment": part.aip.establishment,
        "aip_id": part.aip.aip_id,
        "transfer_id": part.aip.transfer_id,
        "units": [_unit_row(placed) for placed in part.units],
        "children": children,
        "links": links,
        "objects": [_object_row(found, position) for position, found in enumerate(part.objects, part.first_object)],
    }


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
