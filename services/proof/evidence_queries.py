"""What evidence is made from: the place of a package or line in its seal, and that. Callers own the transaction."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.domain.renewals import StampedKind
from services.proof.renewal_tables import renewal, renewed, renewed_lines, renewed_package
from services.proof.tables import line, package_group, seal, sealed_journal
from shared.identity.caller import Scope


@dataclass(frozen=True, slots=True)
class Placed:
    """A seal or renewal that has its token, and in it a leaf at `position` (from 0)."""

    kind: StampedKind
    number: int
    algorithm: str
    leaves: bytes
    token: bytes
    position: int


@dataclass(frozen=True, slots=True)
class SealedLines:
    """Lines `first` to `last` of a journal, whose tree is a leaf of a seal and has this root."""

    sealed: Placed
    first: int
    last: int
    root: bytes


_OURS = package_group.c
_PARTS = (seal.c.number, seal.c.algorithm, seal.c.leaves, seal.c.token)


async def version_of(connection: AsyncConnection, scope: Scope, aip: UUID, version: int | None) -> int | None:
    """Return the version asked for, or the newest there is; None where the scope has none."""
    query = select(_OURS.version).where(_OURS.aip == aip, _OURS.gone_at.is_(None))
    if scope.establishments is not None:
        query = query.where(_OURS.establishment.in_(scope.establishments))
    if version is not None:
        query = query.where(_OURS.version == version)
    found: int | None = await connection.scalar(query.order_by(_OURS.version.desc()).limit(1))
    return found


async def sealed_package(connection: AsyncConnection, aip: UUID, version: int) -> tuple[Placed, bytes] | None:
    """Return where a version of a package is sealed, and the digests of its group; None where it is not yet."""
    query = (
        select(*_PARTS, _OURS.position, _OURS.digests)
        .join_from(package_group, seal, seal.c.number == _OURS.seal)
        .where(_OURS.aip == aip, _OURS.version == version)
    )
    row = await _stamped(connection, query)
    return None if row is None else (_sealed(row, row.position), row.digests)


async def sealed_lines(connection: AsyncConnection, journal: int, number: int) -> SealedLines | None:
    """Return the lines that were sealed together with a line; None where it is not yet."""
    ours = sealed_journal.c
    query = (
        select(*_PARTS, ours.position, ours.first, ours.last, ours.root)
        .join_from(sealed_journal, seal, seal.c.number == ours.seal)
        .where(ours.journal == journal, ours.last >= number, ours.first <= number)
        .order_by(ours.last)
        .limit(1)
    )
    row = await _stamped(connection, query)
    if row is None:
        return None
    return SealedLines(_sealed(row, row.position + 1), row.first, row.last, row.root)


_RENEWAL = (renewal.c.number, renewal.c.algorithm, renewal.c.leaves, renewal.c.token)


async def renewed_groups(connection: AsyncConnection, aip: UUID, version: int) -> list[tuple[Placed, bytes]]:
    """Return the trees that a version of a package was put under anew, the oldest first, with its digests there."""
    ours = renewed_package.c
    query = (
        select(*_RENEWAL, ours.position, ours.digests)
        .join_from(renewed_package, renewal, renewal.c.number == ours.renewal)
        .where(ours.aip == aip, ours.version == version, renewal.c.token.is_not(None))
        .order_by(renewal.c.number)
    )
    return [(_renewal(row), row.digests) for row in await connection.execute(query)]


async def renewed_runs(connection: AsyncConnection, journal: int, first: int) -> list[tuple[Placed, bytes]]:
    """Return the trees that a run of lines was put under anew, the oldest first, with the leaf of each line there."""
    ours = renewed_lines.c
    query = (
        select(*_RENEWAL, ours.position, ours.digests)
        .join_from(renewed_lines, renewal, renewal.c.number == ours.renewal)
        .where(ours.journal == journal, ours.first == first, renewal.c.token.is_not(None))
        .order_by(renewal.c.number)
    )
    return [(_renewal(row), row.digests) for row in await connection.execute(query)]


async def later(connection: AsyncConnection, placed: Placed, below: int) -> list[Placed]:
    """Return the renewals of a time-stamp that came before another renewal, the oldest first."""
    query = (
        select(*_RENEWAL, renewed.c.position)
        .join_from(renewed, renewal, renewal.c.number == renewed.c.renewal)
        .where(renewed.c.kind == placed.kind, renewed.c.number == placed.number)
        .where(renewal.c.token.is_not(None), renewal.c.number < below)
        .order_by(renewal.c.number)
    )
    return [_renewal(row) for row in await connection.execute(query)]


def _renewal(row: Any) -> Placed:  # noqa: ANN401 (a row)
    return Placed("renewal", row.number, row.algorithm, row.leaves, row.token, row.position)


async def line_digests(connection: AsyncConnection, journal: int, first: int, last: int) -> list[bytes]:
    """Return the SHA-512 of lines of a journal, in order."""
    query = select(line.c.sha512).where(line.c.journal == journal, line.c.number.between(first, last))
    return list((await connection.scalars(query.order_by(line.c.number))).all())


async def _stamped(connection: AsyncConnection, query: Select[tuple[object, ...]]) -> Row[tuple[object, ...]] | None:
    return (await connection.execute(query.where(seal.c.token.is_not(None)))).one_or_none()


def _sealed(row: Row[tuple[object, ...]], position: int) -> Placed:
    return Placed("seal", row.number, row.algorithm, row.leaves, row.token, position)


_UNLIKE_SEALED = text(
    """SELECT DISTINCT sealed_journal.head_number
       FROM sealed_journal JOIN line ON line.journal = sealed_journal.journal
            AND line.number = sealed_journal.head_number
       WHERE sealed_journal.journal = :journal AND sealed_journal.head_number > :after
         AND sealed_journal.head_number <= :last AND line.sha512 <> sealed_journal.head_sha512
       ORDER BY 1 LIMIT :limit"""
)


async def last_sealed(connection: AsyncConnection, journal_id: int) -> int:
    """Return the last line of a journal that a seal has; 0 for none."""
    query = select(func.max(sealed_journal.c.last)).where(sealed_journal.c.journal == journal_id)
    return await connection.scalar(query) or 0


async def unlike_sealed(connection: AsyncConnection, journal_id: int, after: int, last: int, limit: int) -> list[int]:
    """Return the numbers of lines, after one and up to another, of which a seal has another digest."""
    values = {"journal": journal_id, "after": after, "last": last, "limit": limit}
    return list(await connection.scalars(_UNLIKE_SEALED, values))
