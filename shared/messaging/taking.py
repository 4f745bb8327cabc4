"""Particular pieces of work taken in hand by whoever is no work loop, such as a command that a person gave.

Whoever must not act while somebody else does looks whether work is in hand, not who has it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from sqlalchemy import Float, bindparam, func, literal_column, or_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.types import Interval

from shared.database.plumbing import work
from shared.messaging.lease import Lease, Piece
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import LEASE_SECONDS, StaleLease, finish, renew

log = logging.getLogger(__name__)

_UNTIL = func.clock_timestamp() + bindparam("seconds", type_=Float) * literal_column("interval '1 second'", Interval)
_NEW = insert(work).values(epoch=1, attempts=1, leased_until=_UNTIL)
_TAKE = _NEW.on_conflict_do_update(
    index_elements=[work.c.kind, work.c.key],
    set_={"epoch": work.c.epoch + 1, "attempts": work.c.attempts + 1, "leased_until": _NEW.excluded.leased_until},
    where=or_(work.c.leased_until.is_(None), work.c.leased_until < func.clock_timestamp()),
).returning(work.c.id, work.c.epoch, work.c.attempts)


async def take(tx: Transaction, kind: str, *pieces: Piece, seconds: float = LEASE_SECONDS) -> list[Lease]:
    """Have this very work in hand from the commit on; what somebody else has in hand is not among it."""
    taken = []
    for piece in pieces:
        told: dict[str, Any] = {"kind": kind, "key": piece.key, "owner": piece.owner, "lane": piece.lane}
        row = (await tx.connection.execute(_TAKE, {**told, "payload": {}, "seconds": seconds})).one_or_none()
        if row is not None:
            taken.append(Lease(id=row.id, epoch=row.epoch, attempts=row.attempts, payload={}, cause=None, **told))
    return taken


@asynccontextmanager
async def kept(
    database: RoomDatabase, leases: Sequence[Lease], seconds: float = LEASE_SECONDS
) -> AsyncIterator[None]:
    """Keep work in hand for as long as the body runs."""
    beating = asyncio.create_task(_renewing(database, leases, seconds))
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


async def _renewing(database: RoomDatabase, leases: Sequence[Lease], seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds / 3)
        try:
            await renew(database, leases, seconds=seconds)
        except Exception as error:  # noqa: BLE001 (a missed beat is made up by the next, or the leases run out)
            log.warning("leases were not renewed", extra={"reason": str(error)})


async def give_back(database: RoomDatabase, leases: Sequence[Lease]) -> None:
    """Close work that was taken and is not done, as if it had never been asked for; what is not ours stays."""
    for held in leases:
        with suppress(StaleLease):
            async with database.begin() as tx:
                await finish(tx, held)
