"""What proof asks of receipts: what they are made from, and themselves. Callers own the transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Select, any_, bindparam, func, select
from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.domain.receipts import PlacedLine, Received, counted
from services.proof.tables import journal, line, package_group, receipt
from shared.identity.caller import Scope

_TRANSFERS = any_(bindparam("transfers", type_=ARRAY(UUID_TYPE)))
_GROUP = package_group.c


@dataclass(frozen=True, slots=True)
class Issued:
    """A receipt; `body` is its signed form."""

    transfer: UUID
    aip: UUID
    establishment: UUID
    issued_at: datetime
    body: str


async def issued(connection: AsyncConnection, transfers: Sequence[UUID]) -> set[UUID]:
    """Return those of these transfers that have a receipt."""
    query = select(receipt.c.transfer).where(receipt.c.transfer == _TRANSFERS)
    return set((await connection.scalars(query, {"transfers": list(transfers)})).all())


_RECEIVED = (
    select(package_group)
    .ext(distinct_on(_GROUP.transfer))
    .where(_GROUP.transfer == _TRANSFERS)
    .order_by(_GROUP.transfer, _GROUP.version)
)


async def received(connection: AsyncConnection, transfers: Sequence[UUID]) -> dict[UUID, Received | None]:
    """Return what each of these transfers brought, where that is known; None of one that was purged before."""
    rows = await connection.execute(_RECEIVED, {"transfers": list(transfers)})
    return {
        row.transfer: None
        if row.leaf is None
        else Received(
            transfer=row.transfer,
            aip=row.aip,
            version=row.version,
            establishment=row.establishment,
            sha512=row.sha512.hex(),
            size=row.size,
            leaf=row.leaf,
            members=counted(row.digests),
            copies=row.receipts,
        )
        for row in rows
        if row.leaf is not None or row.gone_at is not None
    }


async def known(connection: AsyncConnection, transfers: Sequence[UUID]) -> set[UUID]:
    """Return those of these transfers of which proof was told a package, read or not."""
    query = select(_GROUP.transfer).where(_GROUP.transfer == _TRANSFERS)
    return set((await connection.scalars(query, {"transfers": list(transfers)})).all())


_LINES = (
    select(line.c.transfer_id, journal.c.name, line.c.number, line.c.sha512, line.c.body)
    .join(journal, journal.c.id == line.c.journal)
    .where(line.c.transfer_id == _TRANSFERS)
    .order_by(journal.c.name, line.c.number)
)


async def lines_of(connection: AsyncConnection, transfers: Sequence[UUID]) -> dict[UUID, list[PlacedLine]]:
    """Return the lines of each of these transfers, in order of journals and numbers."""
    found: dict[UUID, list[PlacedLine]] = {transfer: [] for transfer in transfers}
    for row in await connection.execute(_LINES, {"transfers": list(transfers)}):
        found[row.transfer_id].append(PlacedLine(row.name, row.number, row.sha512.hex(), bytes(row.body)))
    return found


async def keep(connection: AsyncConnection, receipts: Sequence[Issued]) -> set[UUID]:
    """Keep receipts; return the transfers of those that are new: what was given once is given again."""
    rows = [
        {
            "transfer": one.transfer,
            "aip": one.aip,
            "establishment": one.establishment,
            "issued_at": one.issued_at,
            "body": one.body,
        }
        for one in receipts
    ]
    if not rows:
        return set()
    query = insert(receipt).values(rows).on_conflict_do_nothing().returning(receipt.c.transfer)
    return set((await connection.scalars(query)).all())


async def find(connection: AsyncConnection, scope: Scope, transfer: UUID) -> Issued | None:
    """Return the receipt of a transfer, if it exists and lies within the scope."""
    return await _one(connection, scope, select(receipt).where(receipt.c.transfer == transfer))


async def find_by_aip(connection: AsyncConnection, scope: Scope, aip: UUID) -> Issued | None:
    """Return the receipt of the transfer that an AIP came by, as for `find`."""
    return await _one(connection, scope, select(receipt).where(receipt.c.aip == aip))


async def is_awaited(connection: AsyncConnection, scope: Scope, transfer: UUID) -> bool:
    """Say whether a package of this transfer is known, within the scope: then there will be a receipt."""
    query = select(func.count()).where(_GROUP.transfer == transfer, _GROUP.gone_at.is_(None))
    if scope.establishments is not None:
        query = query.where(_GROUP.establishment.in_(scope.establishments))
    return bool(await connection.scalar(query))


async def _one(connection: AsyncConnection, scope: Scope, query: Select[tuple[object, ...]]) -> Issued | None:
    if scope.establishments is not None:
        query = query.where(receipt.c.establishment.in_(scope.establishments))
    row = (await connection.execute(query.limit(1))).one_or_none()
    return None if row is None else Issued(row.transfer, row.aip, row.establishment, row.issued_at, row.body)
