"""Some units of an AIP go: a version without them is proven everywhere first, then the one before it is deleted.

Who writes that version is another's business: a stand-in hands it over here.
"""

from dataclasses import dataclass

import pytest

from services.storage.deleting import PURGE, release_former
from services.storage.domain.keys import aip_key
from services.storage.domain.purges import PurgeState
from services.storage.handlers import REWRITE, WRITE, work_key
from services.storage.queries import holdings
from shared.checksums import sha512_of
from shared.identifiers import new_id
from shared.messages.admin import PurgeOrderedV1
from shared.messages.data_management import AipCataloguedV1
from shared.messages.ingest import AipBuiltV1
from shared.messages.storage import AipPurgedV1, AipStoredV1
from shared.messaging.lease import Lease, Piece
from shared.messaging.work import enqueue, finish
from tests.integration.storage.depot import Depot, spoil
from tests.integration.storage.purge_desk import PurgeDesk, an_order

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class StandIn:
    """Writes any bytes as the next version of an AIP, and takes it in as its true counterpart does."""

    depot: Depot
    content: bytes

    async def rewrite(self, held: Lease) -> None:
        order = PurgeOrderedV1.model_validate(held.payload["order"])
        former = await self.depot.holding(order.aip_id)
        version, staged = former.version + 1, f"aips/{order.aip_id}-v2"
        await self.depot.staging.put(staged, self.content)
        values = {
            "id": former.id,
            "version": version,
            "kind": "aip",
            "establishment": former.establishment,
            "key": aip_key(order.establishment, order.aip_id, version),
            "sha512": sha512_of(self.content),
            "size": len(self.content),
            "facts": {**former.facts, "staging_key": staged},
        }
        async with self.depot.database.begin() as tx:
            await holdings.add_holdings(tx.connection, [values], sorted(self.depot.sites))
            pieces = (Piece(work_key(former.id, version, site), cause=held.cause) for site in self.depot.sites)
            await enqueue(tx, WRITE, *pieces)
            await finish(tx, held)


async def rewritten(desk: PurgeDesk, message: AipBuiltV1) -> PurgeOrderedV1:
    order = an_order(message, new_id())
    await desk.order(order)
    await desk.begin()
    (held,) = await desk.depot.lease(REWRITE)
    await StandIn(desk.depot, b"what remains " * 1000).rewrite(held)
    return order


async def catalogued(desk: PurgeDesk, message: AipBuiltV1, version: int) -> None:
    told = AipCataloguedV1(
        aip_id=message.aip_id,
        transfer_id=message.transfer_id,
        establishment=message.establishment,
        version=version,
        units=1,
        objects=1,
    )
    async with desk.depot.database.begin() as tx:
        await release_former(tx, [told, told.model_copy(update={"aip_id": new_id(), "version": 1})])


async def test_the_version_before_is_read_until_the_other_is_catalogued(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await rewritten(desk, message)
    async with desk.depot.database.reading() as connection:
        before = await holdings.with_copies(connection, message.aip_id)
    await desk.depot.work_off()
    async with desk.depot.database.reading() as connection:
        after = await holdings.with_copies(connection, message.aip_id)
        asked = await holdings.with_copies(connection, message.aip_id, 1)

    assert [found[0].version for found in (before, after, asked) if found] == [1, 2, 1]
    assert asked is not None
    assert asked[0].state == "stored"


async def test_news_of_a_catalogue_told_again_releases_nothing_more(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await catalogued(desk, message, 1)
    order = await rewritten(desk, message)
    await desk.depot.work_off()
    await catalogued(desk, message, 2)
    await desk.work_off()
    await catalogued(desk, message, 2)

    assert (await desk.row(order)).state is PurgeState.DONE
    assert (await desk.depot.holding(message.aip_id)).state == "stored"


async def test_nothing_is_deleted_before_what_remains_stands_everywhere(desk: PurgeDesk) -> None:
    message = await desk.stored()
    order = await rewritten(desk, message)

    await desk.depot.write()

    assert (await desk.row(order)).state is PurgeState.REWRITING
    assert await desk.depot.lease(PURGE) == []
    await desk.depot.verify()

    assert (await desk.row(order)).state is PurgeState.REWRITING
    assert await desk.depot.lease(PURGE) == []
    await catalogued(desk, message, 2)

    assert (await desk.row(order)).state is PurgeState.RELEASING
    assert sorted(held.key for held in await desk.depot.lease(PURGE)) == [
        f"{message.aip_id}/1/a",
        f"{message.aip_id}/1/b",
    ]


async def test_what_remains_stays_and_the_version_before_is_gone(desk: PurgeDesk) -> None:
    message = await desk.stored()
    former = (await desk.depot.holding(message.aip_id)).key
    order = await rewritten(desk, message)
    await desk.depot.work_off()
    await catalogued(desk, message, 2)
    await desk.work_off()

    (told,) = await desk.depot.told(AipPurgedV1)
    assert (told.version, told.units, told.copies, told.size) == (2, order.units, 2, 2 * message.size)
    assert await desk.left(former) == {"a": 0, "b": 0}
    remains = await desk.depot.holding(message.aip_id)
    assert (remains.version, remains.state) == (2, "stored")
    assert [len(await desk.depot.kept(site, remains.key)) for site in "ab"] == [remains.size, remains.size]
    assert [one.version for one in await desk.depot.told(AipStoredV1)] == [1, 2]
    assert (await desk.row(order)).state is PurgeState.DONE


async def test_a_version_that_was_spoiled_in_staging_is_written_again(desk: PurgeDesk) -> None:
    message = await desk.stored()
    order = await rewritten(desk, message)
    staged = desk.depot.staging.path_of(f"aips/{message.aip_id}-v2")
    assert staged is not None
    spoil(staged)
    await desk.depot.work_off()

    (again,) = await desk.depot.lease(REWRITE)

    assert (again.key, again.payload["order"]["order_id"]) == (str(order.order_id), str(order.order_id))
    async with desk.depot.database.reading() as connection:
        standing = await holdings.with_copies(connection, message.aip_id)
    assert standing is not None
    assert (standing[0].version, standing[0].state) == (1, "stored")


async def test_a_second_purge_of_what_remains_is_another_order(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await rewritten(desk, message)
    await desk.depot.work_off()
    await catalogued(desk, message, 2)
    await desk.work_off()

    order = await desk.purged(message)

    told = await desk.depot.told(AipPurgedV1)
    assert [(one.version, one.copies) for one in told] == [(2, 2), (None, 2)]
    assert (await desk.row(order)).state is PurgeState.DONE
    assert {one.state for one in (await desk.depot.copies(message.aip_id)).values()} == {"purged"}
