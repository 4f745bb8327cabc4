"""Give an order to destroy archives. No route leads here: an elimination, once signed and visaed, will call it."""

from services.admin.domain.purge import OrderConflict, PurgeOrder
from services.admin.handlers.journal import event
from services.admin.queries import purges
from shared.messages.admin import PurgeOrderedV1
from shared.messaging.transaction import Transaction


async def order_purge(tx: Transaction, order: PurgeOrder) -> bool:
    """Give an order: write it down, tell storage, journal it. Return whether it is new; given again it does nothing.

    Raises `OrderConflict` where another content was ordered under its id. That the elimination was signed and visaed
    (code du patrimoine, R212-14) is for whoever calls to have made sure of.
    """
    if not await purges.add(tx.connection, order):
        if await purges.get(tx.connection, order.id) != order:
            raise OrderConflict(f"another order was given as {order.id}")
        return False
    tx.post(
        PurgeOrderedV1(
            order_id=order.id,
            establishment=order.establishment,
            aip_id=order.aip,
            scope=order.scope,
            units=order.units,
            list_sha512=order.list_sha512,
            visa_sha512=order.visa_sha512,
            ordered_at=order.ordered_at,
            ordered_by=order.ordered_by,
        )
    )
    details: dict[str, str | int] = {
        "aip": str(order.aip),
        "units": len(order.units),
        "list_sha512": order.list_sha512,
        "visa_sha512": order.visa_sha512,
    }
    tx.journal(event("purge.ordered", order.ordered_by, f"purge:{order.id}", order.establishment, details))
    return True
