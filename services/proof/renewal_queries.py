"""Every question about renewals, and every change of them. Callers own the transaction."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.domain.proofs import Named
from services.proof.domain.renewals import RenewalKind, Renewed, StampedKind
from services.proof.renewal_tables import renewal
from services.proof.tables import filed, seal
from shared.checksums import sha512_of

READ_AT_ONCE = 200
"""Tokens read in one query: each has several thousand bytes, a few hundred thousand at most."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """A renewal as it is known here; the token comes after the rest."""

    number: int
    kind: RenewalKind
    at: datetime
    algorithm: str
    body: bytes
    rows: bytes
    leaves: bytes
    root: bytes
    signature: str
    probative: bool
    outlives: datetime | None
    token: bytes | None = None

    @property
    def named(self) -> Named:
        """Return how other proofs name it."""
        return Named(self.number, sha512_of(self.body))


_NAMES = tuple(Renewal.__dataclass_fields__)
_COLUMNS = tuple(renewal.c[name] for name in _NAMES)


async def find(connection: AsyncConnection, number: int) -> Renewal | None:
    """Return a renewal."""
    row = (await connection.execute(select(*_COLUMNS).where(renewal.c.number == number))).one_or_none()
    return None if row is None else Renewal(*row)


@dataclass(frozen=True, slots=True)
class Newest:
    """The last renewal that was planned, and whether it has its token."""

    named: Named
    stamped: bool


async def newest(connection: AsyncConnection) -> Newest | None:
    """Return the last renewal."""
    query = select(renewal.c.number, renewal.c.body, renewal.c.token.is_not(None).label("stamped"))
    row = (await connection.execute(query.order_by(renewal.c.number.desc()).limit(1))).one_or_none()
    return None if row is None else Newest(Named(row.number, sha512_of(row.body)), row.stamped)


async def keep(connection: AsyncConnection, made: Renewal) -> bool:
    """Keep a renewal that has no token yet; False where another of this number was kept first."""
    row = {name: getattr(made, name) for name in _NAMES}
    query = insert(renewal).values(row).on_conflict_do_nothing().returning(renewal.c.number)
    return (await connection.execute(query)).one_or_none() is not None


_COVER = text(
    """INSERT INTO renewed (kind, number, renewal, position)
       SELECT told.kind, told.number, :renewal, told.position
       FROM unnest(CAST(:kinds AS text[]), CAST(:numbers AS bigint[]))
            WITH ORDINALITY AS told (kind, number, position)"""
)


async def cover(connection: AsyncConnection, number: int, tokens: Sequence[Renewed]) -> None:
    """Note whose time-stamps a renewal covers, as its leaves from the second on."""
    await connection.execute(_COVER, {"renewal": number, **_told(tokens)})


async def note_token(connection: AsyncConnection, number: int, values: dict[str, Any]) -> bool:
    """Note the token of a renewal and what is known of it, once; False where it has one."""
    noted = update(renewal).where(renewal.c.number == number, renewal.c.token.is_(None))
    return (await connection.execute(noted.values(stamped_at=func.now(), **values))).rowcount > 0


_UNFINISHED = (
    select(renewal.c.number)
    .join_from(renewal, filed, (filed.c.kind == "renewal") & (filed.c.number == renewal.c.number), isouter=True)
    .where(filed.c.number.is_(None))
    .order_by(renewal.c.number)
    .limit(bindparam("limit"))
)


async def unfinished(connection: AsyncConnection, limit: int) -> list[int]:
    """Return the renewals that have not left for the sites, oldest first."""
    return list(await connection.scalars(_UNFINISHED, {"limit": limit}))


@dataclass(frozen=True, slots=True)
class Head:
    """A seal, or a renewal of trees, that something still rests on, and whose token is the newest over it.

    `algorithm` is its tree's.
    """

    renewed: Renewed
    newest: Renewed
    algorithm: str


# What was moved to other trees rests on these; what was there before is kept alive beside them, for whoever verifies
# a seal by itself, as long as its algorithm holds, and until all is moved.
_HEADS = text(
    """WITH base AS (
           SELECT 'seal' AS kind, number, algorithm FROM seal WHERE token IS NOT NULL
           UNION ALL
           SELECT 'renewal', number, algorithm FROM renewal WHERE token IS NOT NULL AND kind = 'tree'),
       newest AS (
           SELECT renewed.kind, renewed.number, max(renewed.renewal) AS renewal
           FROM renewed JOIN renewal ON renewal.number = renewed.renewal WHERE renewal.token IS NOT NULL
           GROUP BY 1, 2)
       SELECT base.*, newest.renewal FROM base LEFT JOIN newest USING (kind, number)
       WHERE base.algorithm <> ALL(:fallen) OR EXISTS (SELECT 1 FROM tree_campaign WHERE ended_at IS NULL)
       ORDER BY base.kind DESC, base.number"""
)


async def heads(connection: AsyncConnection, fallen: Sequence[str]) -> list[Head]:
    """Return everything whose time-stamp is to be kept alive: seals first, each in order of numbers.

    `fallen` are the algorithms under which nothing is proven any more.
    """
    return [_head(row) for row in await connection.execute(_HEADS, {"fallen": list(fallen)})]


def _head(row: Any) -> Head:  # noqa: ANN401 (a row)
    own = Renewed(row.kind, row.number)
    return Head(own, own if row.renewal is None else Renewed("renewal", row.renewal), row.algorithm)


_COVERING = text(
    """SELECT renewed.kind, renewed.number, renewed.renewal
       FROM unnest(CAST(:kinds AS text[]), CAST(:numbers AS bigint[])) AS told (kind, number)
       JOIN renewed USING (kind, number) JOIN renewal ON renewal.number = renewed.renewal
       WHERE renewal.token IS NOT NULL ORDER BY renewed.renewal"""
)


async def covering(connection: AsyncConnection, wanted: Sequence[Renewed]) -> dict[Renewed, list[Renewed]]:
    """Return the renewals of each time-stamp that have their token, the oldest first."""
    found: dict[Renewed, list[Renewed]] = {one: [] for one in wanted}
    for row in await connection.execute(_COVERING, _told(wanted)):
        found[Renewed(row.kind, row.number)].append(Renewed("renewal", row.renewal))
    return found


def _told(wanted: Sequence[Renewed]) -> dict[str, Any]:
    return {"kinds": [one.kind for one in wanted], "numbers": [one.number for one in wanted]}


async def newest_seals(connection: AsyncConnection, limit: int) -> list[Renewed]:
    """Return the seals that were stamped last."""
    query = select(seal.c.number).where(seal.c.token.is_not(None)).order_by(seal.c.number.desc()).limit(limit)
    return [Renewed("seal", number) for number in await connection.scalars(query)]


async def tokens(
    connection: AsyncConnection, wanted: Sequence[Renewed]
) -> AsyncIterator[tuple[Renewed, bytes, datetime | None]]:
    """Yield the tokens of seals and renewals, and when their certificates end where that is known."""
    tables: tuple[tuple[StampedKind, Table], ...] = (("seal", seal), ("renewal", renewal))
    for kind, made in tables:
        numbers = [one.number for one in wanted if one.kind == kind]
        for start in range(0, len(numbers), READ_AT_ONCE):
            some = made.c.number.in_(numbers[start : start + READ_AT_ONCE]), made.c.token.is_not(None)
            query = select(made.c.number, made.c.token, made.c.certificate_ends).where(*some)
            for row in await connection.execute(query):
                yield Renewed(kind, row.number), row.token, row.certificate_ends
