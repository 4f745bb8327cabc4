"""Every question about seals, and every change of them. Callers own the transaction."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.domain.line import Head
from services.proof.domain.proofs import Named
from services.proof.domain.sealing import Covered, Package, Standing
from services.proof.tables import filed, package_group, seal, sealed_journal
from shared.checksums import sha512_of


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal as it is known here; the token comes after the rest.

    `body` is `seal.json`, `heads` the table of heads, `leaves` the values of the tree one after the other.
    """

    number: int
    at: datetime
    body: bytes
    heads: bytes
    leaves: bytes
    root: bytes
    signature: str
    token: bytes | None

    @property
    def named(self) -> Named:
        """Return how other proofs name it."""
        return Named(self.number, sha512_of(self.body))


_COLUMNS = (
    seal.c.number,
    seal.c.at,
    seal.c.body,
    seal.c.heads,
    seal.c.leaves,
    seal.c.root,
    seal.c.signature,
    seal.c.token,
)


async def find(connection: AsyncConnection, number: int) -> Seal | None:
    """Return a seal."""
    row = (await connection.execute(select(*_COLUMNS).where(seal.c.number == number))).one_or_none()
    return None if row is None else Seal(*row)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a seal stands in the row of seals."""

    number: int
    at: datetime
    named: Named


_MARK = select(seal.c.number, seal.c.at, seal.c.body).order_by(seal.c.number.desc()).limit(1)


def _mark(row: Any) -> Mark:  # noqa: ANN401 (a row)
    return Mark(row.number, row.at, Named(row.number, sha512_of(row.body)))


async def newest(connection: AsyncConnection) -> Mark | None:
    """Return the last seal that was planned."""
    row = (await connection.execute(_MARK)).one_or_none()
    return None if row is None else _mark(row)


async def newest_before(connection: AsyncConnection, at: datetime, age: timedelta) -> Named | None:
    """Return the last seal that is older than `at` by `age` at least."""
    row = (await connection.execute(_MARK.where(seal.c.at <= at - age))).one_or_none()
    return None if row is None else _mark(row).named


_STANDINGS = text(
    """SELECT journal.id, journal.name, journal.establishment, journal.number, journal.sha512,
              COALESCE(before.head_number, 0) AS sealed
       FROM journal LEFT JOIN LATERAL (
           SELECT head_number FROM sealed_journal WHERE sealed_journal.journal = journal.id
           ORDER BY seal DESC LIMIT 1) AS before ON true
       WHERE journal.number > 0
       ORDER BY journal.name COLLATE "C" """
)


async def standings(connection: AsyncConnection) -> list[Standing]:
    """Return every journal, in the order of names as bytes."""
    return [
        Standing(row.id, row.name, row.establishment, Head(row.number, row.sha512.hex()), row.sealed)
        for row in await connection.execute(_STANDINGS)
    ]


_DIGESTS = text(
    """SELECT wanted.journal, line.sha512
       FROM unnest(CAST(:journals AS integer[]), CAST(:afters AS bigint[]), CAST(:lasts AS bigint[]))
            AS wanted (journal, after, last)
       JOIN line ON line.journal = wanted.journal AND line.number > wanted.after AND line.number <= wanted.last
       ORDER BY line.journal, line.number"""
)


async def line_digests(connection: AsyncConnection, runs: Sequence[Standing]) -> dict[int, bytes]:
    """Return the digests of the lines that no seal covers yet, by journal, one after the other."""
    found: dict[int, bytearray] = {run.id: bytearray() for run in runs}
    wanted = {
        "journals": [run.id for run in runs],
        "afters": [run.sealed for run in runs],
        "lasts": [run.head.number for run in runs],
    }
    async with connection.stream(_DIGESTS, wanted) as rows:
        async for some in rows.partitions(5_000):
            for journal_id, digest in some:
                found[journal_id] += digest
    return {journal_id: bytes(digests) for journal_id, digests in found.items()}


_PACKAGES = select(
    package_group.c.aip,
    package_group.c.version,
    package_group.c.establishment,
    package_group.c.leaf,
    package_group.c.digests,
).order_by(package_group.c.aip, package_group.c.version)
_UNSEALED = _PACKAGES.where(package_group.c.seal.is_(None), package_group.c.leaf.is_not(None))
_OF_SEAL = _PACKAGES.where(package_group.c.seal == bindparam("seal_number"))


async def packages(connection: AsyncConnection, number: int | None) -> AsyncGenerator[Package]:
    """Yield the packages of a seal in the order of its table; without a number those that are in none."""
    query, values = (_UNSEALED, {}) if number is None else (_OF_SEAL, {"seal_number": number})
    async with connection.stream(query, values) as rows:
        async for row in rows:
            yield Package(*row)


_COVER_JOURNALS = text(
    """INSERT INTO sealed_journal (seal, journal, position, first, last, head_number, head_sha512, root)
       SELECT :seal, * FROM unnest(CAST(:journals AS integer[]), CAST(:positions AS integer[]),
           CAST(:firsts AS bigint[]), CAST(:lasts AS bigint[]), CAST(:numbers AS bigint[]),
           CAST(:digests AS bytea[]), CAST(:roots AS bytea[]))"""
)
_COVER_PACKAGES = text(
    """UPDATE package_group SET seal = :seal, position = covered.position
       FROM unnest(CAST(:aips AS uuid[]), CAST(:versions AS integer[]), CAST(:positions AS integer[]))
            AS covered (aip, version, position)
       WHERE package_group.aip = covered.aip AND package_group.version = covered.version
         AND package_group.seal IS NULL"""
)


async def keep(connection: AsyncConnection, made: Seal, holed: int, *, probative: bool) -> bool:
    """Keep a seal that has no token yet, and how many journals lacked lines; False where another was kept first."""
    row = {
        "number": made.number,
        "at": made.at,
        "algorithm": "sha512",
        "body": made.body,
        "heads": made.heads,
        "leaves": made.leaves,
        "root": made.root,
        "signature": made.signature,
        "probative": probative,
        "holed": holed,
    }
    query = insert(seal).values(row).on_conflict_do_nothing().returning(seal.c.number)
    return (await connection.execute(query)).one_or_none() is not None


async def cover_journals(connection: AsyncConnection, number: int, covered: Sequence[Covered]) -> None:
    """Note which lines a seal covers."""
    values = {
        "seal": number,
        "journals": [one.journal for one in covered],
        "positions": [one.position for one in covered],
        "firsts": [one.run.first for one in covered],
        "lasts": [one.run.last for one in covered],
        "numbers": [one.head.number for one in covered],
        "digests": [bytes.fromhex(one.head.sha512) for one in covered],
        "roots": [one.run.root for one in covered],
    }
    await connection.execute(_COVER_JOURNALS, values)


async def cover_again(connection: AsyncConnection, number: int, known: Sequence[tuple[int, Covered]]) -> None:
    """Note again which lines a seal covers, by the ids that journals have here."""
    for journal_id, one in known:
        row = {
            "seal": number,
            "journal": journal_id,
            "position": one.position,
            "first": one.run.first,
            "last": one.run.last,
            "head_number": one.head.number,
            "head_sha512": bytes.fromhex(one.head.sha512),
            "root": one.run.root,
        }
        await connection.execute(insert(sealed_journal).values(row).on_conflict_do_nothing())


async def cover_packages(connection: AsyncConnection, number: int, keys: Sequence[tuple[UUID, int, int]]) -> int:
    """Note which packages a seal covers, by id, version and position among the leaves; return how many there were."""
    aips, versions, positions = zip(*keys, strict=True) if keys else ((), (), ())
    values = {"seal": number, "aips": list(aips), "versions": list(versions), "positions": list(positions)}
    return (await connection.execute(_COVER_PACKAGES, values)).rowcount


async def note_token(connection: AsyncConnection, number: int, values: dict[str, Any]) -> bool:
    """Note the token of a seal and what is known of it, once; False where it has one."""
    noted = update(seal).where(seal.c.number == number, seal.c.token.is_(None))
    return (await connection.execute(noted.values(stamped_at=func.now(), **values))).rowcount > 0


_UNFINISHED = (
    select(seal.c.number)
    .join_from(seal, filed, (filed.c.kind == "seal") & (filed.c.number == seal.c.number), isouter=True)
    .where(filed.c.number.is_(None))
    .order_by(seal.c.number)
    .limit(bindparam("limit"))
)


async def unfinished(connection: AsyncConnection, limit: int) -> list[int]:
    """Return the seals that have not left for the sites, oldest first."""
    return list(await connection.scalars(_UNFINISHED, {"limit": limit}))


@dataclass(frozen=True, slots=True)
class Listed:
    """What is known of a seal, without what it covers; `stored_at` is when every site had it."""

    number: int
    at: datetime
    probative: bool
    sha512: str
    root: bytes
    algorithm: str
    authority: str | None
    serial: str | None
    token_at: datetime | None
    certificate_ends: datetime | None
    stored_at: datetime | None


_LISTED = select(
    seal.c.number,
    seal.c.at,
    seal.c.probative,
    seal.c.body,
    seal.c.root,
    seal.c.algorithm,
    seal.c.authority,
    seal.c.serial,
    seal.c.token_at,
    seal.c.certificate_ends,
    filed.c.stored_at,
).join_from(seal, filed, (filed.c.kind == "seal") & (filed.c.number == seal.c.number), isouter=True)


def _listed(row: Any) -> Listed:  # noqa: ANN401 (a row)
    return Listed(row.number, row.at, row.probative, sha512_of(row.body), *row[4:])


async def listed(connection: AsyncConnection, below: int | None, limit: int) -> list[Listed]:
    """Return seals, the newest first, those below a number if asked."""
    query = _LISTED if below is None else _LISTED.where(seal.c.number < below)
    return [_listed(row) for row in await connection.execute(query.order_by(seal.c.number.desc()).limit(limit))]


async def one_listed(connection: AsyncConnection, number: int) -> Listed | None:
    """Return what is known of one seal."""
    row = (await connection.execute(_LISTED.where(seal.c.number == number))).one_or_none()
    return None if row is None else _listed(row)
