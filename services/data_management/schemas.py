"""What data management answers over HTTP; access passes it on as it is."""

from collections.abc import Sequence
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Row

from services.data_management.domain.search import EXACT_UP_TO


class UnitObject(BaseModel):
    """A data object as its unit shows it. `digest` is its SHA-512 in hexadecimal, `format` its PUID.

    A physical object has neither size, format nor digest.
    """

    id: UUID
    kind: str
    usage: str | None
    filename: str | None
    size: int | None
    format: str | None
    mime: str | None
    digest: str | None

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Read a row of the catalogue."""
        return cls(
            id=row.id,
            kind=row.kind,
            usage=row.usage,
            filename=row.filename,
            size=row.size,
            format=row.puid,
            mime=row.mime,
            digest=row.sha512,
        )


class Unit(BaseModel):
    """An archive unit as lists show it. Dates are the depositor's own text."""

    id: UUID
    title: str | None
    description: str | None
    level: str | None
    start_date: str | None
    end_date: str | None
    identifiers: list[str]
    establishment: UUID
    aip_id: UUID
    transfer_id: UUID
    parents: list[UUID]
    depth: int
    objects: list[UnitObject]


class FullUnit(Unit):
    """An archive unit with its whole description: the SEDA Content and the management rules it bears."""

    xml_id: str
    profile: str | None
    rules: list[Any]
    content: dict[str, Any]


class UnitPage(BaseModel):
    """A page of units. `total` is exact, or else a lower bound; `next` is null on the last page."""

    items: list[Unit]
    next: str | None
    total: int
    total_is_exact: bool


class FullUnitPage(BaseModel):
    """A page of units with their whole description."""

    items: list[FullUnit]
    next: str | None
    total: int
    total_is_exact: bool


class ObjectFormat(BaseModel):
    """A format as identified at ingest (PRONOM)."""

    puid: str | None
    name: str | None
    mime: str | None


class DataObject(BaseModel):
    """A data object and the place of its bytes: `offset` and `size` in the TAR of the AIP's `aip_version`."""

    id: UUID
    establishment: UUID
    aip_id: UUID
    aip_version: int
    transfer_id: UUID
    xml_id: str
    kind: str
    group: UUID | None
    usage: str | None
    physical_id: str | None
    filename: str | None
    path: str | None
    size: int | None
    sha512: str | None
    offset: int | None
    format: ObjectFormat
    declared: dict[str, Any]

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Read a row of the catalogue."""
        return cls(
            id=row.id,
            establishment=row.establishment,
            aip_id=row.aip_id,
            aip_version=row.aip_version,
            transfer_id=row.transfer_id,
            xml_id=row.xml_id,
            kind=row.kind,
            group=row.group_id,
            usage=row.usage,
            physical_id=row.physical_id,
            filename=row.filename,
            path=row.path,
            size=row.size,
            sha512=row.sha512,
            offset=row.file_offset,
            format=ObjectFormat(puid=row.puid, name=row.format_name, mime=row.mime),
            declared=row.declared,
        )


def unit_of(row: Row[Any], objects: Sequence[Row[Any]]) -> Unit:
    """Read a unit and its objects from rows of the catalogue."""
    return Unit(**_unit_fields(row, objects))


def full_unit_of(row: Row[Any], objects: Sequence[Row[Any]]) -> FullUnit:
    """Read a unit, its objects and its whole description from rows of the catalogue."""
    more = {"xml_id": row.xml_id, "profile": row.profile, "rules": row.rules, "content": row.content}
    return FullUnit(**_unit_fields(row, objects), **more)


def total_of(counted: int) -> dict[str, Any]:
    """Say a total as far as it was counted."""
    return {"total": min(counted, EXACT_UP_TO), "total_is_exact": counted <= EXACT_UP_TO}


def _unit_fields(row: Row[Any], objects: Sequence[Row[Any]]) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "description": row.description,
        "level": row.level,
        "start_date": row.start_date,
        "end_date": row.end_date,
        "identifiers": row.identifiers,
        "establishment": row.establishment,
        "aip_id": row.aip_id,
        "transfer_id": row.transfer_id,
        "parents": row.parents,
        "depth": row.depth,
        "objects": [UnitObject.of(each) for each in objects],
    }
