"""What is told of renewals: trees by their algorithm, campaigns, renewals. Callers own the transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.renewal_tables import renewal
from services.proof.tables import filed
from shared.checksums import sha512_of


@dataclass(frozen=True, slots=True)
class TreeState:
    """How many package versions, and runs of lines, are under trees of an algorithm today."""

    algorithm: str
    packages: int
    runs: int


@dataclass(frozen=True, slots=True)
class CampaignState:
    """How far a renewal of trees is, in package versions: read anew, under a new tree, not read yet."""

    number: int
    algorithm: str
    through: int
    began_at: datetime
    ended_at: datetime | None
    read: int
    renewed: int
    left: int


@dataclass(frozen=True, slots=True)
class Listed:
    """What is known of a renewal, without what it covers; `stored_at` is when every site had it."""

    number: int
    kind: str
    at: datetime
    algorithm: str
    probative: bool
    sha512: str
    authority: str | None
    token_at: datetime | None
    certificate_ends: datetime | None
    stored_at: datetime | None


# Of what was renewed the newest renewal says the algorithm, of the rest its seal; what is gone counts no more.
_TREES = text(
    """WITH newest_package AS (
           SELECT DISTINCT ON (aip, version) aip, version, algorithm, renewal, files FROM renewed_package
           ORDER BY aip, version, renewal DESC NULLS LAST),
       newest_run AS (
           SELECT DISTINCT ON (journal, first) journal, first, algorithm FROM renewed_lines
           ORDER BY journal, first, renewal DESC),
       packages AS (
           SELECT CASE WHEN newest.renewal IS NULL THEN seal.algorithm ELSE newest.algorithm END AS algorithm,
                  count(*) AS packages
           FROM package_group JOIN seal ON seal.number = package_group.seal
           LEFT JOIN newest_package AS newest USING (aip, version)
           WHERE package_group.gone_at IS NULL AND seal.token IS NOT NULL
             AND NOT (newest.aip IS NOT NULL AND newest.renewal IS NULL AND newest.files IS NULL)
           GROUP BY 1),
       runs AS (
           SELECT coalesce(newest.algorithm, seal.algorithm) AS algorithm, count(*) AS runs
           FROM sealed_journal JOIN seal ON seal.number = sealed_journal.seal
           LEFT JOIN newest_run AS newest USING (journal, first)
           WHERE sealed_journal.first IS NOT NULL AND seal.token IS NOT NULL
           GROUP BY 1)
       SELECT algorithm, coalesce(packages, 0) AS packages, coalesce(runs, 0) AS runs
       FROM packages FULL JOIN runs USING (algorithm) ORDER BY algorithm"""
)


async def trees(connection: AsyncConnection) -> list[TreeState]:
    """Return what is under trees of each algorithm."""
    return [TreeState(*row) for row in await connection.execute(_TREES)]


_USED = text("SELECT algorithm FROM seal UNION SELECT algorithm FROM renewal WHERE kind = 'tree'")


async def algorithms(connection: AsyncConnection, is_due: Callable[[str], bool]) -> list[str]:
    """Return the algorithms of trees that something rests on.

    Whether anything still rests on one is counted only where it is due: that looks at every package.
    """
    used = list(await connection.scalars(_USED))
    return [one.algorithm for one in await trees(connection)] if any(map(is_due, used)) else used


_CAMPAIGNS = text(
    """SELECT campaign.number, campaign.algorithm, campaign.through, campaign.began_at, campaign.ended_at,
              counted.read, counted.renewed, counted.all_of_them - counted.read
       FROM tree_campaign AS campaign CROSS JOIN LATERAL (
           SELECT count(*) AS all_of_them, count(done.aip) AS read, count(done.renewal) AS renewed
           FROM package_group LEFT JOIN renewed_package AS done
             ON done.aip = package_group.aip AND done.version = package_group.version
            AND done.algorithm = campaign.algorithm
           WHERE package_group.seal <= campaign.through) AS counted
       ORDER BY campaign.number DESC LIMIT :limit"""
)


async def campaigns(connection: AsyncConnection, limit: int) -> list[CampaignState]:
    """Return renewals of trees, the newest first."""
    return [CampaignState(*row) for row in await connection.execute(_CAMPAIGNS, {"limit": limit})]


async def renewals(connection: AsyncConnection, limit: int) -> list[Listed]:
    """Return renewals, the newest first."""
    query = (
        select(
            renewal.c.number,
            renewal.c.kind,
            renewal.c.at,
            renewal.c.algorithm,
            renewal.c.probative,
            renewal.c.body,
            renewal.c.authority,
            renewal.c.token_at,
            renewal.c.certificate_ends,
            filed.c.stored_at,
        )
        .join_from(renewal, filed, (filed.c.kind == "renewal") & (filed.c.number == renewal.c.number), isouter=True)
        .order_by(renewal.c.number.desc())
        .limit(limit)
    )
    return [Listed(*row[:5], sha512_of(row.body), *tuple(row)[6:]) for row in await connection.execute(query)]
