"""Strange versions and markers in the copy map: above which copies they lie, and since when.

A moment before the copy was written is of an earlier writing, and says nothing of this one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Boolean, DateTime, Integer, Text, bindparam, case, func, null, select, update
from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.domain.audits import Due
from services.storage.queries.audits import VERIFIED, due_of
from services.storage.tables import copy

_LIES = func.coalesce(copy.c.overlaid_at > copy.c.written_at, False)
_TYPES: Mapping[str, Any] = {
    "holding": UUID_TYPE,
    "version": Integer,
    "site": Text,
    "written_at": DateTime(timezone=True),
    "overlaid": Boolean,
}
_SEEN = (
    func.unnest(*(bindparam(f"{name}s", type_=ARRAY(kind)) for name, kind in _TYPES.items()))
    .table_valued(*_TYPES)
    .render_derived(name="seen")
)
_NOTE = (
    update(copy)
    .where(
        *(copy.c[name] == _SEEN.c[name] for name in ("holding", "version", "site", "written_at")),
        copy.c.state == "verified",
        _SEEN.c.overlaid.is_distinct_from(_LIES),
    )
    .values(overlaid_at=case((_SEEN.c.overlaid, func.clock_timestamp()), else_=null()))
    .returning(copy.c.holding, copy.c.version, copy.c.site, _SEEN.c.overlaid)
)


async def note(connection: AsyncConnection, seen: Iterable[tuple[Due, bool | None]]) -> list[Due]:
    """Note what lies, or lies no more, above copies; return those of which it is news that something does."""
    looked = [(due, overlaid) for due, overlaid in seen if overlaid is not None]
    if not looked:
        return []
    rows = [
        {**{name: getattr(due, name) for name in _TYPES if name != "overlaid"}, "overlaid": overlaid}
        for due, overlaid in looked
    ]
    changed = await connection.execute(_NOTE, {f"{name}s": [row[name] for row in rows] for name in _TYPES})
    news = {(row.holding, row.version, row.site) for row in changed if row.overlaid}
    return [due for due, _ in looked if (due.holding, due.version, due.site) in news]


_COUNT = (
    select(copy.c.site, func.count())
    .where(copy.c.overlaid_at.is_not(None), _LIES, copy.c.state == "verified")
    .group_by(copy.c.site)
)


async def count(connection: AsyncConnection) -> dict[str, int]:
    """Return above how many copies of each site something strange lies."""
    return {row[0]: row[1] for row in await connection.execute(_COUNT)}


_ALL = VERIFIED.where(copy.c.overlaid_at.is_not(None), _LIES).limit(bindparam("most", type_=Integer))


async def some(connection: AsyncConnection, most: int) -> Sequence[Due]:
    """Return copies under something strange, so many at most."""
    return [due_of(row) for row in await connection.execute(_ALL, {"most": most})]
