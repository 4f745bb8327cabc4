"""Orders on units that cannot go are refused before anything was deleted, and keep no other order from the AIP."""

from uuid import UUID

from services.storage.domain.purges import PurgeOrder, PurgeState
from services.storage.lines import ACTOR
from services.storage.queries import purges
from shared.clock import now
from shared.messages.journal import JournalLineV1
from shared.messages.storage import PurgeRefusedV1
from shared.messaging.lease import Lease
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import finish


async def refuse(database: RoomDatabase, held: Lease, reason: str) -> None:
    """Refuse the order that work is about, whose key it has, and end the work; tell who ordered."""
    async with database.begin() as tx:
        order = await purges.find(tx.connection, UUID(held.key), lock=True)
        if order is None:
            raise AssertionError(f"work on an order that does not exist: {held.key}")
        await finish(tx, held)
        if order.state is not PurgeState.REWRITING:
            return
        await purges.step(tx.connection, order, PurgeState.REFUSED)
        await purges.give_reason(tx.connection, order.id, reason)
        tx.post(_refused(order, reason), cause=held.cause)
        tx.journal(_line(order))


def _refused(order: PurgeOrder, reason: str) -> PurgeRefusedV1:
    return PurgeRefusedV1(
        order_id=order.id, establishment=order.establishment, aip_id=order.aip, reason=reason, refused_at=now()
    )


def _line(order: PurgeOrder) -> JournalLineV1:
    return JournalLineV1(
        kind="archives",
        action="purge.refused",
        outcome="ko",
        actor=ACTOR,
        object=f"aip:{order.aip}",
        establishment=order.establishment,
        details={"order": str(order.id), "units": len(order.units), "list_sha512": order.ordered["list_sha512"]},
    )
