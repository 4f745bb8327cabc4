"""Every question access asks its database. Callers own the transaction."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.access.domain.dip import Dip, DipState
from services.access.tables import dip


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
