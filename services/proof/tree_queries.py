"""Every question about renewals of trees, and every change of them. Callers own the transaction."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.domain.tree_renewals import LinesLeaf, PackageLeaf
from services.proof.renewal_tables import renewed_lines, renewed_package, tree_campaign
from services.proof.tables import line, package_group, seal

_PACKAGE = renewed_package.c


async def members_size(connection: AsyncConnection, number: int) -> int:
    """Return how many bytes the digests of all groups of a renewal are."""
    query = select(func.coalesce(func.sum(func.octet_length(_PACKAGE.digests)), 0)).where(_PACKAGE.renewal == number)
    return int(await connection.scalar(query) or 0)


async def members(connection: AsyncConnection, number: int) -> AsyncIterator[bytes]:
    """Yield the digests of each group of a renewal, in the order of its rows."""
    query = select(_PACKAGE.digests).where(_PACKAGE.renewal == number).order_by(_PACKAGE.position)
    async with connection.stream_scalars(query) as found:
        async for digests in found:
            yield digests


@dataclass(frozen=True, slots=True)
class Campaign:
    """A renewal of all trees up to seal `through` to an algorithm."""

    number: int
    algorithm: str
    through: int


async def under_way(connection: AsyncConnection) -> Campaign | None:
    """Return the campaign that has not ended."""
    ours = tree_campaign.c
    query = select(ours.number, ours.algorithm, ours.through).where(ours.ended_at.is_(None))
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Campaign(*row)


_BEGIN = text(
    """INSERT INTO tree_campaign (number, algorithm, through, began_at)
       SELECT coalesce((SELECT max(number) FROM tree_campaign), 0) + 1, :algorithm, stamped.through, :at
       FROM (SELECT coalesce((SELECT min(number) - 1 FROM seal WHERE token IS NULL), max(number)) AS through
             FROM seal) AS stamped
       WHERE stamped.through > 0 AND NOT EXISTS (
           SELECT 1 FROM tree_campaign WHERE algorithm = :algorithm AND began_at > :lately)
       ON CONFLICT DO NOTHING RETURNING number, algorithm, through"""
)


async def begin(connection: AsyncConnection, algorithm: str, at: datetime, lately: datetime) -> Campaign | None:
    """Begin a campaign over every seal that has its token; None where one is under way, or began after `lately`."""
    row = (await connection.execute(_BEGIN, {"algorithm": algorithm, "at": at, "lately": lately})).one_or_none()
    return None if row is None else Campaign(*row)


async def end(connection: AsyncConnection, campaign: Campaign, at: datetime) -> bool:
    """Note that a campaign has ended; False where that was noted before."""
    ours = tree_campaign.c
    ended = update(tree_campaign).where(ours.number == campaign.number, ours.ended_at.is_(None))
    return (await connection.execute(ended.values(ended_at=at))).rowcount > 0


_LEFT = (
    select(package_group.c.aip)
    .join_from(package_group, seal, seal.c.number == package_group.c.seal)
    .where(
        package_group.c.seal <= bindparam("through"),
        seal.c.algorithm != bindparam("algorithm"),
        ~exists().where(
            _PACKAGE.algorithm == bindparam("algorithm"),
            _PACKAGE.aip == package_group.c.aip,
            _PACKAGE.version == package_group.c.version,
        ),
    )
    .distinct()
    .limit(bindparam("limit"))
)


async def unread(connection: AsyncConnection, campaign: Campaign, limit: int) -> list[UUID]:
    """Return packages of a campaign that were not read for it yet."""
    values = {"through": campaign.through, "algorithm": campaign.algorithm, "limit": limit}
    return list(await connection.scalars(_LEFT, values))


async def versions(connection: AsyncConnection, campaign: Campaign, aip: UUID) -> list[tuple[int, bytes]]:
    """Return the versions of a package that a campaign is to renew, the newest first, with their digests."""
    ours = package_group.c
    query = select(ours.version, ours.digests).where(ours.aip == aip, ours.seal <= campaign.through)
    return [(row.version, row.digests) for row in await connection.execute(query.order_by(ours.version.desc()))]


async def keep_read(
    connection: AsyncConnection, campaign: Campaign, aip: UUID, files: Mapping[int, bytes | None]
) -> None:
    """Note the digests of the files that are still there, by version; what was noted before stays."""
    rows = [
        {"algorithm": campaign.algorithm, "aip": aip, "version": version, "files": found}
        for version, found in files.items()
    ]
    await connection.execute(insert(renewed_package).on_conflict_do_nothing(), rows)


@dataclass(frozen=True, slots=True)
class ReadPackage:
    """A version of a package that was read: the digests of its files by the new algorithm, ascending."""

    aip: UUID
    version: int
    files: bytes


async def waiting_packages(connection: AsyncConnection, algorithm: str, most: int, size: int) -> list[ReadPackage]:
    """Return packages that were read and are under no new tree yet: `most`, and about `size` bytes of digests."""
    query = (
        select(_PACKAGE.aip, _PACKAGE.version, _PACKAGE.files)
        .where(_PACKAGE.algorithm == algorithm, _PACKAGE.renewal.is_(None), _PACKAGE.files.is_not(None))
        .order_by(_PACKAGE.aip, _PACKAGE.version)
        .limit(most)
    )
    found: list[ReadPackage] = []
    async with connection.stream(query) as rows:
        async for row in rows:
            found.append(ReadPackage(*row))
            size -= len(row.files)
            if size <= 0:
                break
    return found


@dataclass(frozen=True, slots=True)
class LineRun:
    """Lines of a journal that were sealed together."""

    journal: int
    name: str
    first: int
    last: int


_RUNS = text(
    """SELECT sealed_journal.journal, journal.name, sealed_journal.first, sealed_journal.last
       FROM sealed_journal JOIN journal ON journal.id = sealed_journal.journal
       JOIN seal ON seal.number = sealed_journal.seal
       WHERE sealed_journal.first IS NOT NULL AND seal.number <= :through AND seal.algorithm <> :algorithm
         AND NOT EXISTS (
             SELECT 1 FROM renewed_lines AS done WHERE done.algorithm = :algorithm
               AND done.journal = sealed_journal.journal AND done.first = sealed_journal.first)
       ORDER BY seal.number, journal.name COLLATE "C" LIMIT :limit"""
)


async def waiting_runs(connection: AsyncConnection, campaign: Campaign, most: int, lines: int) -> list[LineRun]:
    """Return runs of lines that are under no new tree yet: `most`, and about so many lines."""
    values = {"through": campaign.through, "algorithm": campaign.algorithm, "limit": most}
    found: list[LineRun] = []
    for row in await connection.execute(_RUNS, values):
        found.append(LineRun(*row))
        lines -= row.last - row.first + 1
        if lines <= 0:
            break
    return found


async def line_bodies(connection: AsyncConnection, run: LineRun) -> list[bytes]:
    """Return the lines of a run, in order."""
    ours = line.c
    query = select(ours.body).where(ours.journal == run.journal, ours.number.between(run.first, run.last))
    return list((await connection.scalars(query.order_by(ours.number))).all())


_COVER_PACKAGES = text(
    """UPDATE renewed_package SET files = NULL, digests = told.digests, leaf = told.leaf, renewal = :renewal,
           position = told.position
       FROM unnest(CAST(:aips AS uuid[]), CAST(:versions AS integer[]), CAST(:digests AS bytea[]),
           CAST(:leaves AS bytea[]), CAST(:positions AS integer[])) AS told (aip, version, digests, leaf, position)
       WHERE renewed_package.algorithm = :algorithm AND renewed_package.aip = told.aip
         AND renewed_package.version = told.version AND renewed_package.renewal IS NULL"""
)


async def cover_packages(
    connection: AsyncConnection, number: int, algorithm: str, leaves: Sequence[PackageLeaf]
) -> int:
    """Note which packages a renewal covers, with their digests there; return how many were in none."""
    values = {
        "renewal": number,
        "algorithm": algorithm,
        "aips": [one.aip for one in leaves],
        "versions": [one.version for one in leaves],
        "digests": [one.digests for one in leaves],
        "leaves": [one.leaf for one in leaves],
        "positions": [one.position for one in leaves],
    }
    return (await connection.execute(_COVER_PACKAGES, values)).rowcount


async def cover_lines(connection: AsyncConnection, number: int, algorithm: str, leaves: Sequence[LinesLeaf]) -> None:
    """Note which lines a renewal covers, with the leaf of each."""
    rows = [
        {
            "algorithm": algorithm,
            "journal": one.journal,
            "first": one.first,
            "last": one.last,
            "renewal": number,
            "root": one.root,
            "digests": one.digests,
            "position": one.position,
        }
        for one in leaves
    ]
    if rows:
        await connection.execute(insert(renewed_lines), rows)
