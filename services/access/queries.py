"""Every question access asks its database. Callers own the transaction."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, case, cast, func, insert, or_, select, update
from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.access.domain.dip import Dip, DipState
from services.access.tables import dip, purged_aip
from shared.messages.storage import PurgeNews


async def add_dip(connection: AsyncConnection, order: Dip) -> None:
    """Enter an order."""
    values = asdict(order) | {"units": list(order.units)}
    await connection.execute(insert(dip).values(values))


async def get_dip(connection: AsyncConnection, dip_id: UUID) -> Dip | None:
    """Return an order, or None."""
    row = (await connection.execute(select(dip).where(dip.c.id == dip_id))).one_or_none()
    return None if row is None else _dip(row)


async def change_dip(connection: AsyncConnection, dip_id: UUID, state: DipState, **values: object) -> None:
    """Record what has become of an order."""
    await connection.execute(update(dip).where(dip.c.id == dip_id).values(state=state, **values))


async def make_ready(connection: AsyncConnection, ready: Dip, aips: Collection[UUID]) -> bool:
    """Record that a package can be fetched, and of which AIPs it is; not where its order has ended meanwhile."""
    values = {"state": ready.state, "key": ready.key, "size": ready.size, "sha512": ready.sha512, "aips": list(aips)}
    change = update(dip).where(dip.c.id == ready.id, dip.c.state == DipState.ORDERED).values(values)
    return await connection.scalar(change.returning(dip.c.id)) is not None


async def holds_purged(connection: AsyncConnection, aips: Collection[UUID], units: Collection[UUID]) -> bool:
    """Say whether what was read of these AIPs, these units, was destroyed on order since."""
    named = purged_aip.c.units.overlap(cast(list(units), ARRAY(UUID_TYPE)))
    gone = select(purged_aip.c.aip).where(
        purged_aip.c.aip.in_(aips), or_(func.cardinality(purged_aip.c.units) == 0, named)
    )
    return await connection.scalar(gone.limit(1)) is not None


async def note_purge(connection: AsyncConnection, message: PurgeNews) -> bool:
    """Note that something of an AIP is no more; say whether that is news."""
    row = {
        "aip": message.aip_id,
        "order_id": message.order_id,
        "units": list(message.units),
        "purged_at": message.purged_at,
    }
    noted = upsert(purged_aip).values(row).on_conflict_do_nothing().returning(purged_aip.c.aip)
    return await connection.scalar(noted) is not None


async def withdraw(connection: AsyncConnection, establishment: UUID, aip: UUID, reason: str) -> list[UUID]:
    """End every order whose package may hold something of an AIP; return which.

    A package that does not say of which AIPs it is may hold anything of its establishment, as may one that is being
    built.
    """
    ready = (dip.c.state == DipState.READY) & or_(dip.c.aips.is_(None), dip.c.aips.contains([aip]))
    begun = (dip.c.state == DipState.ORDERED) & (dip.c.epoch > 0)
    change = (
        update(dip)
        .where(dip.c.establishment == establishment, or_(ready, begun))
        .values(state=case((dip.c.state == DipState.READY, DipState.EXPIRED), else_=DipState.FAILED))
        .values(key=None, reason=reason)
    )
    return list((await connection.scalars(change.returning(dip.c.id))).all())


async def begin_attempt(connection: AsyncConnection, dip_id: UUID, epoch: int) -> None:
    """Note that attempt `epoch` may write; a late one does not hide a later one."""
    values = {"epoch": func.greatest(dip.c.epoch, epoch)}
    await connection.execute(update(dip).where(dip.c.id == dip_id).values(values))


async def attempts_of(connection: AsyncConnection, dip_id: UUID) -> int:
    """Return how many times the package was begun, one key each."""
    return int(await connection.scalar(select(dip.c.epoch).where(dip.c.id == dip_id)) or 0)


async def ready_bytes(connection: AsyncConnection) -> int:
    """Return the bytes of the packages that may be fetched."""
    return int(await connection.scalar(select(func.sum(dip.c.size)).where(dip.c.state == DipState.READY)) or 0)


def _dip(row: Row[Any]) -> Dip:
    return Dip(
        id=row.id,
        establishment=row.establishment,
        orderer=row.orderer,
        units=tuple(row.units),
        state=DipState(row.state),
        ordered_at=row.ordered_at,
        expires_at=row.expires_at,
        key=row.key,
        size=row.size,
        sha512=row.sha512,
        reason=row.reason,
    )
