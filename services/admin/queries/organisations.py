"""Questions about organisations."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.admin.domain.faults import looks_like_id
from services.admin.domain.organisation import Kind, Organisation
from services.admin.tables import organisation
from shared.identity.caller import Scope


async def add(connection: AsyncConnection, new: Organisation) -> bool:
    """Write a new organisation; return False if its identifier is taken."""
    row = {
        "id": new.id,
        "version": new.version,
        "kind": new.kind,
        "identifier": new.identifier,
        "name": new.name,
        "siret": new.siret,
        "department": new.department,
    }
    statement = insert(organisation).values(row).on_conflict_do_nothing().returning(organisation.c.id)
    return (await connection.execute(statement)).one_or_none() is not None


async def change(connection: AsyncConnection, changed: Organisation) -> None:
    """Write the new state of an organisation."""
    values = {
        "version": changed.version,
        "name": changed.name,
        "siret": changed.siret,
        "department": changed.department,
        "changed_at": func.now(),
    }
    await connection.execute(organisation.update().where(organisation.c.id == changed.id).values(values))


async def find(
    connection: AsyncConnection,
    scope: Scope,
    reference: str,
    kind: Kind | None = None,
    *,
    locked: bool = False,
) -> Organisation | None:
    """Return an organisation by id or identifier, if it lies within the scope."""
    query = _of(scope, kind).where(_is(reference))
    row = (await connection.execute(query.with_for_update() if locked else query)).one_or_none()
    return None if row is None else _organisation(row)


async def page(
    connection: AsyncConnection, scope: Scope, kind: Kind | None, after: UUID | None, limit: int
) -> list[Organisation]:
    """Return organisations within a scope, in the order of their creation."""
    query = _of(scope, kind).order_by(organisation.c.id).limit(limit)
    if after is not None:
        query = query.where(organisation.c.id > after)
    return [_organisation(row) for row in await connection.execute(query)]


async def establishments(
    connection: AsyncConnection, scope: Scope, references: Sequence[str]
) -> dict[str, Organisation]:
    """Return establishments by the references (ids or identifiers) given; those not found are left out."""
    ids = [UUID(reference) for reference in references if looks_like_id(reference)]
    named = or_(organisation.c.id.in_(ids), organisation.c.identifier.in_(references))
    rows = [_organisation(row) for row in await connection.execute(_of(scope, "establishment").where(named))]
    by_name = {row.identifier: row for row in rows} | {str(row.id): row for row in rows}
    found = {reference: by_name.get(reference.lower(), by_name.get(reference)) for reference in references}
    return {reference: row for reference, row in found.items() if row is not None}


def _of(scope: Scope, kind: Kind | None) -> Select[tuple[Any, ...]]:
    query: Select[tuple[Any, ...]] = select(organisation)
    if scope.establishments is not None:
        query = query.where(organisation.c.id.in_(scope.establishments))
    return query if kind is None else query.where(organisation.c.kind == kind)


def _is(reference: str) -> ColumnElement[bool]:
    if looks_like_id(reference):
        return organisation.c.id == UUID(reference)
    return organisation.c.identifier == reference


def _organisation(row: Row[Any]) -> Organisation:
    return Organisation(row.id, row.version, row.kind, row.identifier, row.name, row.siret, row.department)
