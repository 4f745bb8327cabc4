"""Restore tests: whose turn it is, which AIP, and what came of it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.domain.holdings import HoldingKey
from services.storage.domain.restore_tests import Outcome, RestoreTest
from services.storage.queries.newest import newest_first
from services.storage.tables import copy, holding, restore_test
from shared.identity.caller import Scope

# Establishments are few and AIPs are many: one step along the index for each establishment.
_DUE = text(
    """WITH RECURSIVE known AS (
        (SELECT establishment FROM holding WHERE kind = 'aip' AND state = 'stored'
         ORDER BY establishment LIMIT 1)
        UNION ALL
        SELECT (SELECT further.establishment FROM holding AS further
                WHERE further.kind = 'aip' AND further.state = 'stored'
                  AND further.establishment > known.establishment
                ORDER BY further.establishment LIMIT 1)
        FROM known WHERE known.establishment IS NOT NULL)
    SELECT establishment FROM known
    WHERE establishment IS NOT NULL AND NOT EXISTS (
        SELECT FROM restore_test AS test
        WHERE test.establishment = known.establishment AND test.tested_at > now() - CAST(:every AS interval))
    AND (SELECT oldest.stored_at FROM holding AS oldest
         WHERE oldest.kind = 'aip' AND oldest.state = 'stored' AND oldest.establishment = known.establishment
         ORDER BY oldest.id, oldest.version LIMIT 1) <= now() - CAST(:stored_before AS interval)"""
)

_AT_ONCE = timedelta(0)


async def due(connection: AsyncConnection, every: timedelta, *, stored_before: timedelta = _AT_ONCE) -> list[UUID]:
    """Return the establishments with archives of which none was tested for that long.

    Of those whose first archive is younger than `stored_before`, nobody expects it yet.
    """
    return list((await connection.scalars(_DUE, {"every": every, "stored_before": stored_before})).all())


_OURS = (holding.c.establishment == bindparam("of"), holding.c.kind == "aip", holding.c.state == "stored")
_COUNT = select(func.count()).select_from(holding).where(*_OURS).scalar_subquery()
_ANY = (
    select(holding.c.id, holding.c.version)
    .where(*_OURS)
    .order_by(holding.c.id, holding.c.version)
    .offset(func.floor(func.random() * _COUNT).cast(BigInteger))
    .limit(1)
)


async def any_aip(connection: AsyncConnection, establishment: UUID) -> HoldingKey | None:
    """Return one of an establishment's stored AIPs, each as likely as any other; None where it has none."""
    row = (await connection.execute(_ANY, {"of": establishment})).one_or_none()
    return None if row is None else (row.id, row.version)


_LAST_ON = (
    select(func.max(restore_test.c.tested_at))
    .where(restore_test.c.establishment == bindparam("of"), restore_test.c.site == copy.c.site)
    .scalar_subquery()
)
_TURN = (
    select(copy.c.site)
    .where(copy.c.holding == bindparam("aip"), copy.c.version == bindparam("in_version"), copy.c.state == "verified")
    .where(copy.c.site == func.any(bindparam("declared", type_=ARRAY(Text))))
    .order_by(_LAST_ON.asc().nulls_first(), func.random())
    .limit(1)
)


async def site_in_turn(
    connection: AsyncConnection, establishment: UUID, key: HoldingKey, declared: Sequence[str]
) -> str | None:
    """Return a declared site with a good copy of an AIP: the one from which nothing was tested for longest."""
    asked = {"of": establishment, "aip": key[0], "in_version": key[1], "declared": list(declared)}
    found: str | None = await connection.scalar(_TURN, asked)
    return found


async def add(connection: AsyncConnection, test: RestoreTest) -> None:
    """Keep what came of a test."""
    row = {name: getattr(test, name) for name in restore_test.c.keys()}  # noqa: SIM118 (columns, not a mapping)
    await connection.execute(insert(restore_test), {**row, "faults": list(test.faults)})


async def failed_since(connection: AsyncConnection, first: UUID) -> dict[tuple[str, str], int]:
    """Count the tests from an identifier on that found no whole package, by site and outcome."""
    query = (
        select(restore_test.c.site, restore_test.c.outcome, func.count())
        .where(restore_test.c.id >= first, restore_test.c.outcome != Outcome.WHOLE)
        .group_by(restore_test.c.site, restore_test.c.outcome)
    )
    return {(row[0], row[1]): row[2] for row in await connection.execute(query)}


async def page(
    connection: AsyncConnection, scope: Scope, behind: UUID | None, limit: int, establishment: UUID | None
) -> list[RestoreTest]:
    """Return tests within a scope, the newest first, from behind one on."""
    query = newest_first(restore_test, scope, behind, limit, establishment)
    return [_test(row) for row in (await connection.execute(query)).mappings()]


def _test(row: Any) -> RestoreTest:  # noqa: ANN401 (a row's mapping)
    return RestoreTest(**{**row, "outcome": Outcome(row["outcome"]), "faults": tuple(row["faults"])})
