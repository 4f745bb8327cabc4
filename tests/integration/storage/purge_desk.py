"""What a test of purges does: store AIPs, order one purged, have the work done, look for what is left."""

from dataclasses import dataclass, replace
from uuid import UUID

from services.storage.deleting import PURGE
from services.storage.domain.purges import PurgeOrder
from services.storage.purge_orders import BEGIN, Beginner, take_orders
from services.storage.purging import Purger
from services.storage.queries import purges
from shared.clock import now
from shared.identifiers import new_id
from shared.messages.admin import PurgeOrderedV1
from shared.messages.ingest import AipBuiltV1
from tests.integration.storage.depot import Depot


def an_order(message: AipBuiltV1, *units: UUID) -> PurgeOrderedV1:
    return PurgeOrderedV1(
        order_id=new_id(),
        establishment=message.establishment,
        aip_id=message.aip_id,
        units=units,
        list_sha512="1" * 128,
        visa_sha512="2" * 128,
        ordered_at=now(),
        ordered_by="client:tests",
    )


@dataclass(frozen=True)
class PurgeDesk:
    """A storage that purges."""

    depot: Depot

    async def stored(self) -> AipBuiltV1:
        message = await self.depot.hand_over()
        await self.depot.work_off()
        return message

    async def order(self, order: PurgeOrderedV1) -> None:
        async with self.depot.database.begin() as tx:
            await take_orders(tx, [order])

    async def begin(self) -> int:
        beginner = Beginner(self.depot.database, self.depot.sites)
        return await self.depot.refused_for_now(beginner.begin, BEGIN)

    async def delete(self) -> int:
        purger = Purger(self.depot.database, self.depot.sites)
        return await self.depot.refused_for_now(purger.purge, PURGE)

    async def work_off(self) -> None:
        """Do all there is to do, as once all waits are over."""
        await self.depot.release()
        await self.begin()
        await self.delete()
        await self.depot.work_off()

    async def purged(self, message: AipBuiltV1) -> PurgeOrderedV1:
        await self.order(order := an_order(message))
        await self.work_off()
        return order

    async def row(self, order: PurgeOrderedV1) -> PurgeOrder:
        async with self.depot.database.reading() as connection:
            found = await purges.find(connection, order.order_id)
        assert found is not None
        return found

    async def waits(self, order: PurgeOrderedV1) -> dict[str, str]:
        return {where: wait["obstacle"] for where, wait in (await self.row(order)).waits.items()}

    async def left(self, key: str) -> dict[str, int]:
        """How many versions and markers of a key each site still has."""
        return {name: len(await site.store.versions(key)) for name, site in self.depot.sites.items()}


def without_purgers(depot: Depot) -> Depot:
    """The same depot, to which no purger's keys were given."""
    return replace(depot, sites={name: replace(site, open_purger=None) for name, site in depot.sites.items()})
