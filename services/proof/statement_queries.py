"""What proof asks for a statement: the package, its seal and those beside it, lines; and statements themselves."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.tables import package_group, receipt, seal, statement
from shared.checksums import sha512_of
from shared.identity.caller import Scope

_GROUP = package_group.c


@dataclass(frozen=True, slots=True)
class Subject:
    """A version of a package as proof has noted it; `digests` and `leaf` None: not read yet."""

    aip: UUID
    version: int
    establishment: UUID
    transfer: UUID
    sha512: str
    size: int
    digests: bytes | None
    leaf: bytes | None
    seal: int | None
    position: int | None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """A seal, and what the seals beside it say of it and are.

    `named_after` is what the next one names as the digest of this; `before_sha512` the digest of the one before.
    """

    number: int
    at: datetime
    algorithm: str
    body: bytes
    leaves: bytes
    root: bytes
    token: bytes | None
    authority: str | None
    serial: str | None
    token_at: datetime | None
    probative: bool
    before_sha512: str | None
    named_after: str | None

    @property
    def sha512(self) -> str:
        """Return the digest of its `seal.json`."""
        return sha512_of(self.body)

    @property
    def named_before(self) -> str | None:
        """Return what it names as the digest of the one before; None in the first."""
        previous: dict[str, Any] | None = json.loads(self.body)["previous"]
        return None if previous is None else str(previous["sha512"])


def _subject(row: Row[Any]) -> Subject:
    return Subject(
        row.aip,
        row.version,
        row.establishment,
        row.transfer,
        row.sha512.hex(),
        row.size,
        row.digests,
        row.leaf,
        row.seal,
        row.position,
    )


async def subject(connection: AsyncConnection, aip: UUID, version: int | None, scope: Scope) -> Subject | None:
    """Return a version of a package (None: the newest that is there), if it lies within the scope."""
    query = select(package_group).where(_GROUP.aip == aip, _GROUP.gone_at.is_(None))
    if scope.establishments is not None:
        query = query.where(_GROUP.establishment.in_(scope.establishments))
    if version is not None:
        query = query.where(_GROUP.version == version)
    row = (await connection.execute(query.order_by(_GROUP.version.desc()).limit(1))).one_or_none()
    return None if row is None else _subject(row)


async def neighbours(connection: AsyncConnection, number: int) -> Neighbours | None:
    """Return a seal with what the seals beside it say of it."""
    around = {row.number: row for row in await connection.execute(_AROUND.where(seal.c.number == number))}
    bodies = select(seal.c.number, seal.c.body).where(seal.c.number.in_([number - 1, number + 1]))
    beside = {row.number: row.body for row in await connection.execute(bodies)}
    if number not in around:
        return None
    before, after = beside.get(number - 1), beside.get(number + 1)
    return Neighbours(
        *around[number],
        before_sha512=None if before is None else sha512_of(before),
        named_after=None if after is None else json.loads(after)["previous"]["sha512"],
    )


_AROUND = select(
    seal.c.number,
    seal.c.at,
    seal.c.algorithm,
    seal.c.body,
    seal.c.leaves,
    seal.c.root,
    seal.c.token,
    seal.c.authority,
    seal.c.serial,
    seal.c.token_at,
    seal.c.probative,
)

_BODIES = text(
    """SELECT told.name, told.number, line.body
       FROM unnest(CAST(:names AS text[]), CAST(:numbers AS bigint[])) AS told (name, number)
       JOIN journal USING (name) JOIN line ON line.journal = journal.id AND line.number = told.number"""
)


async def line_bodies(connection: AsyncConnection, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
    """Return lines by journal and number, of those that are here."""
    values = {"names": [name for name, _ in wanted], "numbers": [number for _, number in wanted]}
    return {(row.name, row.number): bytes(row.body) for row in await connection.execute(_BODIES, values)}


async def receipt_of(connection: AsyncConnection, transfer: UUID) -> str | None:
    """Return the receipt of a transfer."""
    found: str | None = await connection.scalar(select(receipt.c.body).where(receipt.c.transfer == transfer))
    return found


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement that somebody asked for; `facts` (canonical JSON) and `signed` (JWS) None until it is made."""

    id: UUID
    aip: UUID
    version: int
    establishment: UUID
    asked_by: str
    facts: bytes | None
    signed: str | None


def _asked(row: Row[Any] | None) -> Asked | None:
    if row is None:
        return None
    return Asked(row.id, row.aip, row.version, row.establishment, row.asked_by, row.facts, row.signed)


async def ask(connection: AsyncConnection, wanted: Asked) -> UUID:
    """Note that a statement is asked for, and return its id: that of one of the same package that is being made."""
    # Two who ask at one moment share one: to read all copies twice proves nothing more.
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(wanted.aip), 0))))
    query = select(statement.c.id).where(
        statement.c.aip == wanted.aip, statement.c.version == wanted.version, statement.c.done_at.is_(None)
    )
    pending: UUID | None = await connection.scalar(query.limit(1))
    if pending is not None:
        return pending
    row = {
        "id": wanted.id,
        "aip": wanted.aip,
        "version": wanted.version,
        "establishment": wanted.establishment,
        "asked_by": wanted.asked_by,
    }
    await connection.execute(insert(statement).values(row))
    return wanted.id


async def find(connection: AsyncConnection, number: UUID) -> Asked | None:
    """Return a statement by its id."""
    return _asked((await connection.execute(select(statement).where(statement.c.id == number))).one_or_none())


async def find_of(connection: AsyncConnection, scope: Scope, aip: UUID, number: UUID) -> Asked | None:
    """Return a statement of a package by its id, if it lies within the scope."""
    query: Select[Any] = select(statement).where(statement.c.id == number, statement.c.aip == aip)
    if scope.establishments is not None:
        query = query.where(statement.c.establishment.in_(scope.establishments))
    return _asked((await connection.execute(query)).one_or_none())


async def make(connection: AsyncConnection, number: UUID, facts: bytes, signed: str) -> bool:
    """Keep what was stated; False where it was before."""
    made = update(statement).where(statement.c.id == number, statement.c.done_at.is_(None))
    return (await connection.execute(made.values(done_at=func.now(), facts=facts, signed=signed))).rowcount > 0
