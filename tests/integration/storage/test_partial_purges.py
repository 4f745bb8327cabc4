"""Some units of an AIP go: a version without them is proven everywhere first, then the one before it is deleted."""

import pytest

from services.storage.deleting import PURGE
from services.storage.domain.purges import PurgeState
from services.storage.handlers import REWRITE
from services.storage.queries import holdings
from services.storage.refusing import refuse
from shared.messages.storage import AipPurgedV1, AipStoredV1, PurgeBegunV1
from tests.builders.purges import MARK
from tests.integration.storage.conftest import OpenDesk
from tests.integration.storage.depot import spoil
from tests.integration.storage.harm import audit, flip, remove, repair
from tests.integration.storage.purge_desk import PurgeDesk, an_order

pytestmark = pytest.mark.integration


async def test_the_version_before_is_read_until_the_other_is_catalogued(desk: PurgeDesk) -> None:
    planted = await desk.planted()
    await desk.rewritten(planted.order())
    aip = planted.message.aip_id
    async with desk.depot.database.reading() as connection:
        before = await holdings.with_copies(connection, aip)
    await desk.depot.work_off()
    async with desk.depot.database.reading() as connection:
        after = await holdings.with_copies(connection, aip)
        asked = await holdings.with_copies(connection, aip, 1)

    assert [found[0].version for found in (before, after, asked) if found] == [1, 2, 1]
    assert asked is not None
    assert asked[0].state == "stored"


async def test_news_of_a_catalogue_told_again_releases_nothing_more(desk: PurgeDesk) -> None:
    planted = await desk.planted()
    message = planted.message
    await desk.catalogued(message, 1)
    order = await desk.rewritten(planted.order())
    await desk.depot.work_off()
    await desk.catalogued(message, 2)
    await desk.catalogued(message, 2)
    await desk.work_off()
    await desk.catalogued(message, 2)

    assert (await desk.row(order)).state is PurgeState.DONE
    assert (await desk.depot.holding(message.aip_id)).state == "stored"


async def test_late_news_of_the_version_before_releases_nothing(desk: PurgeDesk) -> None:
    """Its first version was spoiled in staging, so that the second is the one that holds what is to go."""
    planted = desk.an_aip()
    message, staging = planted.message, desk.depot.staging
    await desk.depot.take(message)
    await desk.depot.write()
    await staging.put(message.staging_key, planted.content)
    await desk.depot.take(message.model_copy(update={"message_id": planted.units[0]}))
    await desk.depot.work_off()
    assert [one.state for one in await desk.versions(message.aip_id)] == ["refused", "stored"]
    order = await desk.rewritten(planted.order())

    await desk.catalogued(message, 2)
    await desk.work_off()

    assert (await desk.row(order)).state is PurgeState.REWRITING
    assert [one.state for one in await desk.versions(message.aip_id)] == ["refused", "stored", "stored"]
    await desk.catalogued(message, 3)
    await desk.work_off()

    assert (await desk.row(order)).state is PurgeState.DONE
    assert [one.state for one in await desk.versions(message.aip_id)] == ["purged", "purged", "stored"]
    (told,) = await desk.depot.told(AipPurgedV1)
    # Of the version that was refused nothing was ever written.
    assert (told.version, told.copies, told.size) == (3, 2, 2 * message.size)
    assert {line.details["version"] for line in await desk.depot.lines("copy.deleted")} == {2}


async def test_news_of_what_an_order_before_wrote_does_not_release_for_the_next(desk: PurgeDesk) -> None:
    planted = await desk.planted()
    message = planted.message
    await desk.rewritten(an_order(message, *planted.units))
    await desk.depot.work_off()
    await desk.catalogued(message, 2)
    await desk.work_off()
    await desk.order(order := an_order(message, planted.another))
    await desk.begin()

    await desk.catalogued(message, 2)
    assert (await desk.row(order)).state is PurgeState.REWRITING
    await desk.rewrite()
    await desk.depot.work_off()
    await desk.catalogued(message, 3)
    await desk.work_off()

    assert (await desk.row(order)).state is PurgeState.DONE
    assert [one.state for one in await desk.versions(message.aip_id)] == ["purged", "purged", "stored"]


async def test_nothing_is_deleted_before_what_remains_stands_everywhere(desk: PurgeDesk) -> None:
    planted = await desk.planted()
    aip = planted.message.aip_id
    order = await desk.rewritten(planted.order())

    await desk.depot.write()

    assert (await desk.row(order)).state is PurgeState.REWRITING
    await desk.depot.verify()

    assert (await desk.row(order)).state is PurgeState.REWRITING
    assert await desk.depot.lease(PURGE) == []
    assert await desk.depot.told(PurgeBegunV1) == []
    await desk.catalogued(planted.message, 2)

    assert (await desk.row(order)).state is PurgeState.RELEASING
    assert sorted(held.key for held in await desk.depot.lease(PURGE)) == [f"{aip}/1/a", f"{aip}/1/b"]
    (told,) = await desk.depot.told(PurgeBegunV1)
    assert (told.order_id, told.version, told.units) == (order.order_id, 2, tuple(sorted(order.units)))
    (line,) = await desk.depot.lines("aip.rewritten")
    assert (len(told.objects or ()), line.details["objects"]) == (3, 3)


async def test_what_remains_stays_and_the_version_before_is_gone(desk: PurgeDesk) -> None:
    planted = await desk.planted()
    aip, size = planted.message.aip_id, planted.message.size
    former = (await desk.depot.holding(aip)).key
    order = await desk.rewritten(planted.order())
    await desk.depot.work_off()
    await desk.catalogued(planted.message, 2)
    await desk.work_off()

    (told,) = await desk.depot.told(AipPurgedV1)
    assert (told.version, set(told.units), told.copies, told.size) == (2, set(order.units), 2, 2 * size)
    assert await desk.left(former) == {"a": 0, "b": 0}
    remains = await desk.depot.holding(aip)
    assert (remains.version, remains.state) == (2, "stored")
    for site in desk.depot.sites:
        kept = await desk.depot.kept(site, remains.key)
        assert (len(kept), MARK.encode() in kept) == (remains.size, False)
    assert [one.version for one in await desk.depot.told(AipStoredV1)] == [1, 2]
    assert (await desk.row(order)).state is PurgeState.DONE


async def test_what_remains_has_to_be_whole_before_the_other_goes(desk: PurgeDesk) -> None:
    """Both its copies went bad before its catalogue was loaded: what it replaces may be all there is."""
    planted = await desk.planted()
    aip = planted.message.aip_id
    order = await desk.rewritten(planted.order())
    await desk.depot.work_off()
    for site in desk.depot.sites:
        await flip(desk.depot, site, (await desk.depot.holding(aip)).key)
        await audit(desk.depot, site, aip)
    assert (await desk.depot.holding(aip)).state == "damaged"

    assert await desk.catalogued(planted.message, 2) == 1

    assert (await desk.row(order)).state is PurgeState.REWRITING
    assert [one.state for one in await desk.versions(aip)] == ["stored", "damaged"]


async def test_a_site_that_has_lost_what_remains_has_it_again_before_the_other_goes(desk: PurgeDesk) -> None:
    """One of its copies went bad before its catalogue was loaded: it is stored, and on one site alone."""
    planted = await desk.planted()
    aip = planted.message.aip_id
    order = await desk.rewritten(planted.order())
    await desk.depot.work_off()
    await remove(desk.depot, "a", (await desk.depot.holding(aip)).key)
    await audit(desk.depot, "a", aip)
    assert (await desk.depot.holding(aip)).state == "stored"

    assert await desk.catalogued(planted.message, 2) == 1

    assert (await desk.row(order)).state is PurgeState.REWRITING
    await repair(desk.depot)
    await desk.work_off()
    assert (await desk.row(order)).state is PurgeState.DONE


@pytest.mark.parametrize("version", [1, 2])
async def test_a_hold_on_any_version_keeps_the_one_before(open_desk: OpenDesk, version: int) -> None:
    desk = await open_desk("buckets")
    planted = await desk.planted()
    aip = planted.message.aip_id
    order = await desk.rewritten(planted.order())
    await desk.depot.work_off()
    held = (await desk.depot.copies(aip, version))["b"]
    store = desk.depot.sites["b"].store
    await store.hold(held.key, held.version_id, held=True)

    assert await desk.catalogued(planted.message, 2) == 1

    assert await desk.waits(order) == {f"{version}/b": "held"}
    assert (await desk.row(order)).state is PurgeState.REWRITING
    await store.hold(held.key, held.version_id, held=False)
    await desk.work_off()
    assert (await desk.row(order)).state is PurgeState.DONE


async def test_a_version_that_was_spoiled_in_staging_is_written_again(desk: PurgeDesk) -> None:
    planted = await desk.planted()
    aip = planted.message.aip_id
    order = await desk.rewritten(planted.order())
    staged = desk.depot.staging.path_of(f"aips/{aip}-v2")
    assert staged is not None
    spoil(staged)
    await desk.depot.work_off()

    assert f"unstage {aip}-v2" in [one.replace("aips/", "") for one in await desk.depot.work()]
    (again,) = await desk.depot.lease(REWRITE)

    assert (again.key, again.payload["order"]["order_id"]) == (str(order.order_id), str(order.order_id))
    async with desk.depot.database.reading() as connection:
        standing = await holdings.with_copies(connection, aip)
    assert standing is not None
    assert (standing[0].version, standing[0].state) == (1, "stored")


async def test_a_version_that_was_refused_keeps_no_later_order_waiting(desk: PurgeDesk) -> None:
    """Its order was refused in the end: of a later release, say, that finds what this one did not."""
    planted = await desk.planted()
    aip = planted.message.aip_id
    order = await desk.rewritten(planted.order())
    staged = desk.depot.staging.path_of(f"aips/{aip}-v2")
    assert staged is not None
    spoil(staged)
    await desk.depot.work_off()
    (again,) = await desk.depot.lease(REWRITE)
    await refuse(desk.depot.database, again, "no more")
    assert (await desk.row(order)).state is PurgeState.REFUSED

    later = await desk.purged(planted.message)

    assert (await desk.row(later)).state is PurgeState.DONE
    assert [one.state for one in await desk.versions(aip)] == ["purged", "purged"]


async def test_a_second_purge_of_what_remains_is_another_order(desk: PurgeDesk) -> None:
    planted = await desk.planted()
    message = planted.message
    await desk.rewritten(planted.order())
    await desk.depot.work_off()
    await desk.catalogued(message, 2)
    await desk.work_off()

    order = await desk.purged(message)

    told = await desk.depot.told(AipPurgedV1)
    assert [(one.version, one.copies) for one in told] == [(2, 2), (None, 2)]
    assert (await desk.row(order)).state is PurgeState.DONE
    assert {one.state for one in (await desk.depot.copies(message.aip_id)).values()} == {"purged"}
