"""Orders to purge: taken once each, begun when nothing forbids it."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.storage.deleting import ask_to_rewrite, start_deleting
from services.storage.domain.holdings import Holding
from services.storage.domain.purges import PurgeOrder, PurgeState, content_of, fingerprint, is_contradictory
from services.storage.holds import require_free
from services.storage.lines import ACTOR
from services.storage.queries import purges
from services.storage.sites import OpenSite
from shared.faults import fault_point
from shared.messages.admin import PurgeOrderedV1
from shared.messages.journal import JournalLineV1
from shared.messaging.lease import Lease, Piece
from shared.messaging.outcome import Rejected, TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue, finish

BEGIN = "begin_purge"
"""Look whether anything holds an order up, and begin it; the key is the order."""

STANDING = ("stored", "damaged")
"""States of an AIP that can be purged; one that is being stored has to be whole first."""


async def take_orders(tx: Transaction, messages: Sequence[PurgeOrderedV1]) -> None:
    """Take orders in. Raises `Rejected`, and `TryAgain` while an AIP is not stored or another order is on it."""
    for message in messages:
        await _take(tx, message)


async def _take(tx: Transaction, message: PurgeOrderedV1) -> None:
    if is_contradictory(message):
        raise Rejected(f"order {message.order_id} is on {message.scope}, and names {len(message.units)} units")
    # The versions' lock makes orders on one AIP, and the same order told twice, come one after the other.
    versions = await purges.versions(tx.connection, message.aip_id, lock=True)
    known = await purges.find(tx.connection, message.order_id)
    sha512 = fingerprint(message)
    if known is not None:
        if known.sha512 != sha512:
            raise Rejected(f"order {message.order_id} was given before with another content")
        return
    await _require_purgeable(tx, message, versions)
    await purges.add(tx.connection, message, sha512, content_of(message))
    piece = Piece(str(message.order_id), cause=message.message_id, owner=str(message.establishment))
    await enqueue(tx, BEGIN, piece)


async def _require_purgeable(tx: Transaction, message: PurgeOrderedV1, versions: Sequence[Holding]) -> None:
    # One that was refused was never more than bytes on their way: the version before it is what there is.
    newest = next((one for one in reversed(versions) if one.state != "refused"), versions[-1] if versions else None)
    if newest is None or (newest.kind, newest.establishment) != ("aip", message.establishment):
        raise Rejected(f"order {message.order_id}: establishment {message.establishment} has no AIP {message.aip_id}")
    other = await purges.open_on(tx.connection, message.aip_id)
    if other is not None:
        raise TryAgain(f"order {other.id} is under way on AIP {message.aip_id}")
    if newest.state == "purged":
        raise Rejected(f"order {message.order_id}: AIP {message.aip_id} was purged before")
    if newest.state not in STANDING:
        raise TryAgain(f"AIP {message.aip_id} is not stored yet")


class Beginner:
    """Begins orders: from then on the AIP is read by nobody, or is rewritten."""

    def __init__(self, database: RoomDatabase, sites: Mapping[str, OpenSite]) -> None:
        self._database = database
        self._sites = sites

    async def begin(self, held: Lease) -> None:
        """Begin an order, once it is known that no legal hold stands against it. Raises `TryAgain`."""
        order_id = UUID(held.key)
        await require_free(self._database, self._sites, order_id)
        async with self._database.begin() as tx:
            order = await purges.find(tx.connection, order_id, lock=True)
            if order is not None and order.state is PurgeState.ORDERED:
                await self._begin(tx, order, held)
            await finish(tx, held)
        fault_point("storage.purge.begun")

    async def _begin(self, tx: Transaction, order: PurgeOrder, held: Lease) -> None:
        if order.units:
            await purges.step(tx.connection, order, PurgeState.REWRITING)
            await ask_to_rewrite(tx, order, held.cause)
        else:
            versions = await purges.versions(tx.connection, order.aip, lock=True)
            standing = [one for one in versions if one.state != "purged"]
            await start_deleting(tx, order, standing, None, held.cause)
        tx.journal(begun_line(order))


def begun_line(order: PurgeOrder) -> JournalLineV1:
    """Return the line of the archives' life-cycle journal that says by whose order archives are destroyed."""
    return JournalLineV1(
        kind="archives",
        action="purge.begun",
        actor=ACTOR,
        object=f"aip:{order.aip}",
        establishment=order.establishment,
        details={
            "order": str(order.id),
            "units": len(order.units),
            "list_sha512": order.ordered["list_sha512"],
            "visa_sha512": order.ordered["visa_sha512"],
        },
    )
