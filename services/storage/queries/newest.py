"""The newest first, within a scope: how whatever has an identifier of ours, which sorts by time, is listed."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, Table, select

from shared.identity.caller import Scope


def newest_first(
    table: Table, scope: Scope, behind: UUID | None, limit: int, establishment: UUID | None
) -> Select[Any]:
    """Select rows from behind an identifier on: of the establishments in scope, or of the one that is named."""
    query = select(table).order_by(table.c.id.desc()).limit(limit)
    if scope.establishments is not None:
        query = query.where(table.c.establishment.in_(scope.establishments))
    if establishment is not None:
        query = query.where(table.c.establishment == establishment)
    return query if behind is None else query.where(table.c.id < behind)
