"""What a test of purges does: store AIPs, order one purged, have the work done, look for what is left."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from services.storage.deleting import PURGE
from services.storage.domain.holdings import Holding
from services.storage.domain.purges import PurgeOrder
from services.storage.handlers import REWRITE
from services.storage.purge_orders import BEGIN, Beginner, take_orders
from services.storage.purging import Purger
from services.storage.queries import purges
from services.storage.releasing import RELEASE, Releaser, release_former
from services.storage.rewriting import Rewriter
from shared.clock import now
from shared.identifiers import new_id
from shared.messages.admin import PurgeOrderedV1
from shared.messages.data_management import AipCataloguedV1
from shared.messages.ingest import AipBuiltV1
from tests.builders.aips import AIP_ID
from tests.builders.purges import PLANTED, a_planted_aip
from tests.integration.storage.depot import Depot, an_announcement


def an_order(message: AipBuiltV1, *units: UUID) -> PurgeOrderedV1:
    return PurgeOrderedV1(
        order_id=new_id(),
        establishment=message.establishment,
        aip_id=message.aip_id,
        scope="units" if units else "aip",
        units=units,
        list_sha512="1" * 128,
        visa_sha512="2" * 128,
        ordered_at=now(),
        ordered_by="client:tests",
    )


def catalogued(message: AipBuiltV1, version: int) -> AipCataloguedV1:
    return AipCataloguedV1(
        aip_id=message.aip_id,
        transfer_id=message.transfer_id,
        establishment=message.establishment,
        version=version,
        units=1,
        objects=1,
    )


@dataclass(frozen=True)
class Planted:
    """An AIP as ingest announces it, and those of its units that can go without the others."""

    message: AipBuiltV1
    content: bytes
    units: tuple[UUID, ...]
    another: UUID

    def order(self) -> PurgeOrderedV1:
        return an_order(self.message, *self.units)


@dataclass(frozen=True)
class PurgeDesk:
    """A storage that purges."""

    depot: Depot

    async def stored(self) -> AipBuiltV1:
        message = await self.depot.hand_over()
        await self.depot.work_off()
        return message

    async def planted(self) -> Planted:
        """A true AIP, on every site."""
        planted = self.an_aip()
        await self.depot.staging.put(planted.message.staging_key, planted.content)
        await self.depot.take(planted.message)
        await self.depot.work_off()
        await self.depot.staging.delete(planted.message.staging_key)
        return planted

    def an_aip(self) -> Planted:
        with TemporaryDirectory() as scratch:
            aip = a_planted_aip(Path(scratch))
        units, (another,) = tuple(aip.units(*PLANTED)), aip.units("unit-5")
        return Planted(an_announcement(AIP_ID, aip.content), aip.content, units, another)

    async def rewritten(self, order: PurgeOrderedV1) -> PurgeOrderedV1:
        """Begin an order on units, and have the version written that replaces the one there is."""
        await self.order(order)
        await self.begin()
        await self.rewrite()
        return order

    async def rewrite(self) -> None:
        for held in await self.depot.lease(REWRITE):
            await Rewriter(self.depot.database, self.depot.sites, self.depot.staging).rewrite(held)

    async def catalogued(self, message: AipBuiltV1, version: int) -> int:
        """Tell of a catalogue, release what that allows; return how much of it has to be tried again."""
        async with self.depot.database.begin() as tx:
            stranger = catalogued(message, 1).model_copy(update={"aip_id": new_id()})
            await release_former(tx, [catalogued(message, version), stranger])
        return await self.release()

    async def release(self) -> int:
        return await self.depot.refused_for_now(Releaser(self.depot.database, self.depot.sites).release, RELEASE)

    async def versions(self, aip: UUID) -> list[Holding]:
        async with self.depot.database.reading() as connection:
            return await purges.versions(connection, aip)

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
        await self.release()
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
