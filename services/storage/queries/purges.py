"""Orders to purge: their rows, the copies they bear on, and work on these that has become idle."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, any_, bindparam, cast, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from services.storage.domain.copies import CopyState
from services.storage.domain.holdings import Holding
from services.storage.domain.purges import AT_WORK, ENDS, PurgeOrder, PurgeState, Wait, check_step
from services.storage.queries.newest import newest_first
from services.storage.tables import copy, holding, purge_order
from shared.clock import rfc3339
from shared.database.plumbing import work
from shared.identity.caller import Scope
from shared.messages.admin import PurgeOrderedV1


def _order(row: Row[Any]) -> PurgeOrder:
    values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's documented name)
    objects = None if values["objects"] is None else tuple(values["objects"])
    told = {"units": tuple(values["units"]), "objects": objects, "state": PurgeState(values["state"])}
    return PurgeOrder(**values | told)


async def find(connection: AsyncConnection, order_id: UUID, *, lock: bool = False) -> PurgeOrder | None:
    """Return an order, locked until the transaction ends if asked."""
    query = select(purge_order).where(purge_order.c.id == order_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else _order(row)


async def under_way(connection: AsyncConnection, aips: Collection[UUID], *states: PurgeState) -> list[PurgeOrder]:
    """Return the orders on AIPs that stand at one of these states, by AIP."""
    query = (
        select(purge_order)
        .where(purge_order.c.aip.in_(aips), purge_order.c.state.in_(states))
        .order_by(purge_order.c.aip)
    )
    return [_order(row) for row in await connection.execute(query)]


async def deleting(connection: AsyncConnection, aip: UUID) -> PurgeOrder | None:
    """Return the order by which copies of an AIP are being deleted."""
    found = await under_way(connection, [aip], *AT_WORK)
    return found[0] if found else None


async def open_on(connection: AsyncConnection, aip: UUID) -> PurgeOrder | None:
    """Return the order on an AIP that has not come to its end."""
    found = await under_way(connection, [aip], *(state for state in PurgeState if state not in ENDS))
    return found[0] if found else None


async def add(connection: AsyncConnection, message: PurgeOrderedV1, sha512: str, ordered: dict[str, Any]) -> None:
    """Enter an order."""
    await connection.execute(
        upsert(purge_order).values(
            id=message.order_id,
            establishment=message.establishment,
            aip=message.aip_id,
            units=sorted(set(message.units)),
            state=PurgeState.ORDERED,
            sha512=sha512,
            ordered=ordered,
            ordered_at=message.ordered_at,
        )
    )


async def step(connection: AsyncConnection, order: PurgeOrder, following: PurgeState) -> None:
    """Take an order, locked before, to its next state. Raises `IllegalStep`."""
    check_step(order.state, following)
    values = {
        "state": following,
        "done_at": func.now() if following in ENDS else None,
        "waits": cast({}, JSONB),
        "moved_at": func.now(),
    }
    await connection.execute(update(purge_order).where(purge_order.c.id == order.id).values(values))


async def give_reason(connection: AsyncConnection, order_id: UUID, reason: str) -> None:
    """Note why an order was refused."""
    await connection.execute(update(purge_order).where(purge_order.c.id == order_id).values(reason=reason))


async def note_objects(connection: AsyncConnection, order_id: UUID, objects: Sequence[UUID]) -> None:
    """Note which objects go with the units of an order."""
    ours = purge_order.c.id == order_id
    await connection.execute(update(purge_order).where(ours).values(objects=list(objects)))


async def await_at(connection: AsyncConnection, order_id: UUID, place: str, wait: Wait) -> None:
    """Note what an order waits for at a place."""
    told = {
        "obstacle": wait.obstacle.value,
        "until": None if wait.until is None else rfc3339(wait.until),
        "told": wait.told,
    }
    waits = purge_order.c.waits.concat(cast({place: told}, JSONB))
    await connection.execute(update(purge_order).where(purge_order.c.id == order_id).values(waits=waits))


async def prove(connection: AsyncConnection, order_id: UUID, place: str, at: datetime) -> None:
    """Note that nothing is left at a place."""
    values = {
        "waits": purge_order.c.waits.op("-")(place),
        "proofs": purge_order.c.proofs.concat(cast({place: rfc3339(at)}, JSONB)),
        "moved_at": func.now(),
    }
    await connection.execute(update(purge_order).where(purge_order.c.id == order_id).values(values))


async def versions(connection: AsyncConnection, aip: UUID, *, lock: bool = False) -> list[Holding]:
    """Return all versions of a holding, the oldest first, locked until the transaction ends if asked."""
    query = select(holding).where(holding.c.id == aip).order_by(holding.c.version)
    rows = await connection.execute(query.with_for_update() if lock else query)
    return [Holding(**row._mapping) for row in rows]  # noqa: SLF001 (SQLAlchemy's documented name)


async def mark_purged(connection: AsyncConnection, held: Holding, site: str) -> None:
    """Write down that a copy is no more: the one step after which nothing of it changes."""
    ours = (copy.c.holding == held.id, copy.c.version == held.version, copy.c.site == site)
    await connection.execute(update(copy).where(*ours).values(state=CopyState.PURGED))


_KEYS = work.c.key == any_(bindparam("keys", type_=ARRAY(Text)))
_KINDS = work.c.kind == any_(bindparam("kinds", type_=ARRAY(Text)))
_IDLE = or_(work.c.leased_until.is_(None), work.c.leased_until < func.clock_timestamp())


async def drop_idle(connection: AsyncConnection, kinds: Sequence[str], keys: Sequence[str]) -> None:
    """Take back work that nobody has in hand."""
    await connection.execute(delete(work).where(_KINDS, _KEYS, _IDLE), {"kinds": list(kinds), "keys": list(keys)})


async def is_in_hand(connection: AsyncConnection, kinds: Sequence[str], key: str) -> bool:
    """Say whether a worker has work of these kinds and this key in hand."""
    query = select(work.c.id).where(_KINDS, _KEYS, ~_IDLE).limit(1)
    return await connection.scalar(query, {"kinds": list(kinds), "keys": [key]}) is not None


async def page(
    connection: AsyncConnection, scope: Scope, behind: UUID | None, limit: int, establishment: UUID | None
) -> list[PurgeOrder]:
    """Return orders within a scope, the newest first, from behind one on."""
    query = newest_first(purge_order, scope, behind, limit, establishment)
    return [_order(row) for row in await connection.execute(query)]
