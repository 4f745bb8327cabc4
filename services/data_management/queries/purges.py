"""What was eliminated: taken out of the catalogue, but for the identifiers."""

from uuid import UUID

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.data_management import tables
from services.data_management.queries.loading import remove_contents
from shared.messages.storage import PurgeNews


async def close_aip(connection: AsyncConnection, message: PurgeNews) -> bool:
    """Have an AIP hold nothing from now on, whoever loads its catalogue later; say whether it did until now.

    Who is entering it at this moment is waited for, and who comes after finds it closed: there is one row.
    """
    empty = {"units": 0, "objects": 0, "head": {}, "purged_by": message.order_id}
    row = {
        "aip_id": message.aip_id,
        "establishment": message.establishment,
        "transfer_id": message.transfer_id,
        "version": 0,
        "catalogue_sha512": "",
    }
    aip = tables.aip.c
    closed = (
        insert(tables.aip)
        .values(row | empty)
        .on_conflict_do_update(
            index_elements=[aip.aip_id, aip.establishment], set_=empty, where=aip.purged_by.is_(None)
        )
        .returning(aip.aip_id)
    )
    return await connection.scalar(closed) is not None


async def forget_aip(connection: AsyncConnection, message: PurgeNews) -> int:
    """Take all that a closed AIP holds out of the catalogue, but for the ids of its units; return how many."""
    unit = tables.unit.c
    kept = select(
        unit.id,
        unit.establishment,
        unit.aip_id,
        literal(message.order_id, tables.purged_unit.c.order_id.type),
        literal(message.purged_at, tables.purged_unit.c.purged_at.type),
    ).where(unit.aip_id == message.aip_id)
    names = ["id", "establishment", "aip_id", "order_id", "purged_at"]
    noted = insert(tables.purged_unit).from_select(names, kept).on_conflict_do_nothing()
    count = (await connection.execute(noted)).rowcount
    await remove_contents(connection, message.aip_id)
    return count


async def note_units(connection: AsyncConnection, message: PurgeNews) -> int:
    """Note the units that an AIP lost while the rest of it stays; return how many were not noted before."""
    # A handful of arguments however many units there are: PostgreSQL takes no more than 32,767 in a statement.
    units = func.unnest(literal(list(message.units), ARRAY(tables.purged_unit.c.id.type)))
    gone = select(
        units.label("id"),
        *(literal(value, tables.purged_unit.c[name].type) for name, value in _facts(message).items()),
    )
    noted = insert(tables.purged_unit).from_select(["id", *_facts(message)], gone)
    return (await connection.execute(noted.on_conflict_do_nothing())).rowcount


def _facts(message: PurgeNews) -> dict[str, object]:
    return {
        "establishment": message.establishment,
        "aip_id": message.aip_id,
        "order_id": message.order_id,
        "purged_at": message.purged_at,
    }


async def version_of(connection: AsyncConnection, aip_id: UUID) -> int | None:
    """Return which version of an AIP the catalogue holds."""
    version: int | None = await connection.scalar(select(tables.aip.c.version).where(tables.aip.c.aip_id == aip_id))
    return version


async def is_closed(connection: AsyncConnection, aip_id: UUID) -> bool:
    """Say whether an AIP went whole."""
    closed = select(tables.aip.c.aip_id).where(tables.aip.c.aip_id == aip_id, tables.aip.c.purged_by.is_not(None))
    return await connection.scalar(closed) is not None


async def purged_unit(connection: AsyncConnection, unit_id: UUID) -> tuple[UUID, UUID] | None:
    """Return establishment and order of a unit that was eliminated; None for any other."""
    gone = tables.purged_unit.c
    wanted = select(gone.establishment, gone.order_id).where(gone.id == unit_id)
    row = (await connection.execute(wanted)).one_or_none()
    return None if row is None else (row.establishment, row.order_id)
