"""A site that is declared later is filled in the background, from good copies of the others."""

import asyncio
from datetime import timedelta

import pytest
from pydantic import SecretStr

from services.storage.filling import FILL, Filler
from services.storage.handlers import WRITE, take_agreements, take_aips
from services.storage.settings import SiteSettings
from services.storage.site_survey import forecast
from services.storage.sites import OpenSite
from services.storage.wiring import build
from shared import faults
from shared.identifiers import new_id
from shared.messages.storage import AipStoredV1, CopyRepairedV1
from shared.messaging.local import LocalTransport
from shared.messaging.outcome import TryAgain
from shared.messaging.work import StaleLease
from shared.settings import RoomSettings
from tests.builders.callers import SECRET
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot, an_announcement
from tests.integration.storage.harm import CONTENT, background, repair, states, stored
from tests.integration.storage.moves import Killed, declare, fill, known, names_of, surveyed
from tests.integration.storage.test_records import PUBLISHED

pytestmark = pytest.mark.integration


async def test_the_sites_of_an_empty_archive_have_nothing_to_be_filled_with(depot: Depot) -> None:
    await declare(depot)
    await declare(depot)

    assert (await known(depot), await depot.work()) == ({"a": "active", "b": "active"}, [])
    assert names_of(await depot.lines("site.declared")) == ["a", "b"]


@pytest.mark.parametrize("kind", ["folders", "buckets"])
async def test_a_new_site_gets_a_copy_of_everything_that_is_kept(
    open_depot: OpenDepot, kind: str, third: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.storage.filling.AT_ONCE", 3)
    depot = await open_depot(kind)
    await declare(depot)
    messages = [await stored(depot, CONTENT + bytes([number])) for number in range(7)]
    async with depot.database.begin() as tx:
        await take_agreements(sorted(depot.sites))(tx, [PUBLISHED])
    await depot.work_off()
    refused = await depot.hand_over()
    await depot.staging.delete(refused.staging_key)
    await depot.work_off()
    more = depot.and_site(third)

    await declare(more)
    before = await surveyed(more, "c")
    assert (before["state"], before["copies_left"], before["done_by"]) == ("filling", 8, None)
    await fill(more)

    assert await known(more) == {"a": "active", "b": "active", "c": "active"}
    for message in messages:
        assert await states(more, message) == {"a": "verified", "b": "verified", "c": "verified"}
        assert await more.kept("c", (await more.holding(message.aip_id)).key) == await more.kept(
            "a", (await more.holding(message.aip_id)).key, (await more.copies(message.aip_id))["a"].version_id
        )
    assert set(await more.copies(PUBLISHED.agreement.id)) == {"a", "b", "c"}
    assert "c" not in await more.copies(refused.aip_id)
    assert names_of(await more.lines("site.filling")) == names_of(await more.lines("site.filled")) == ["c"]
    # Nothing is told a second time: they were stored, and nothing had been lost.
    assert (len(await more.told(AipStoredV1)), await more.told(CopyRepairedV1), await more.work()) == (7, [], [])
    assert (await surveyed(more, "c"))["copies_left"] == 0


@pytest.mark.parametrize("point", ["storage.fill.batch", "storage.write.put", "storage.verify.noted"])
async def test_a_filling_that_is_cut_off_goes_on(
    depot: Depot, third: OpenSite, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await declare(depot)
    message = await stored(depot)
    more = depot.and_site(third)
    await declare(more)

    def strike(name: str) -> None:
        if name == point:
            raise Killed

    monkeypatch.setattr(faults, "strike", strike)
    with pytest.raises(Killed):
        await fill(more)
    monkeypatch.setattr(faults, "strike", None)
    await fill(more)

    assert set((await states(more, message)).values()) == {"verified"}
    assert ((await known(more))["c"], await more.work()) == ("active", [])
    assert len(await more.lines("site.filled")) == 1


async def test_a_site_that_a_migration_found_is_walked_over_once_for_what_it_lacks(
    depot: Depot, third: OpenSite
) -> None:
    early = await stored(depot)
    more = depot.and_site(third)
    late = await stored(more, CONTENT + b"late")
    # As the migration leaves them: written to, and perhaps not from the beginning.
    await depot.databases.as_superuser(
        "INSERT INTO storage.site (name, state) SELECT site, 'filling' FROM storage.usage"
    )

    await declare(more)
    assert await more.work() == ["fill a", "fill b", "fill c"]
    await fill(more)

    assert set(await states(more, early)) == set(await states(more, late)) == {"a", "b", "c"}
    assert await known(more) == {"a": "active", "b": "active", "c": "active"}


async def test_a_deposit_beside_a_filling_goes_its_own_way(depot: Depot, third: OpenSite) -> None:
    await declare(depot)
    old = [await stored(depot, CONTENT + bytes([number])) for number in range(5)]
    more = depot.and_site(third)
    await declare(more)
    for held in await more.lease(FILL):
        await Filler(more.database, list(more.sites)).fill(held)

    message = await more.hand_over()
    usual = await more.lease(WRITE)
    assert {held.key.split("/")[0] for held in usual} == {str(message.aip_id)}, "and nothing of the filling"
    for held in usual:
        await more.keeper.write(held)
    await more.verify()

    assert (await more.holding(message.aip_id)).state == "stored"
    assert [await states(more, one) for one in old] == [{"a": "verified", "b": "verified", "c": "to_write"}] * 5
    await fill(more)
    assert (await known(more))["c"] == "active"


async def test_no_more_is_asked_for_than_a_site_can_take(
    depot: Depot, third: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.storage.filling.MOST_WAITING", 0)
    monkeypatch.setattr("services.storage.filling.AT_ONCE", 2)
    await declare(depot)
    for number in range(5):
        await stored(depot, CONTENT + bytes([number]))
    more = depot.and_site(third)
    await declare(more)

    for _ in range(4):
        await more.release()
        for held in await more.lease(FILL):
            await Filler(more.database, list(more.sites)).fill(held)
    assert (await more.work()).count("write c") == 2
    await fill(more)

    assert (await known(more))["c"] == "active"


async def test_what_a_process_that_knows_nothing_of_the_site_takes_in_is_filled_too(
    depot: Depot, third: OpenSite
) -> None:
    await declare(depot)
    await stored(depot)
    more = depot.and_site(third)
    await declare(more)
    (held,) = await more.lease(FILL)
    await Filler(more.database, list(more.sites)).fill(held)

    late = await stored(depot, CONTENT + b"late")
    await fill(more)

    assert set(await states(more, late)) == {"a", "b", "c"}


async def test_a_process_with_the_settings_of_before_asks_for_a_copy_on_a_site_that_it_does_not_know(
    depot: Depot, third: OpenSite
) -> None:
    await declare(depot)
    more = depot.and_site(third)
    await declare(more)
    await fill(more)
    assert (await known(more))["c"] == "active"

    late = await depot.hand_over(CONTENT + b"late")
    await depot.work_off()
    async with depot.database.begin() as tx:
        await take_agreements(sorted(depot.sites))(tx, [PUBLISHED])
    assert (await depot.holding(late.aip_id)).state == "stored", "on those that the process knows"
    (told,) = await depot.told(AipStoredV1)
    assert [one.site for one in told.receipts] == ["a", "b"]
    await depot.staging.delete(late.staging_key)
    (held, *_) = await background(depot, WRITE)
    with pytest.raises(TryAgain, match="no longer declared"):
        await depot.keeper.write(held)
    await depot.release()
    await more.work_off()
    await repair(more)

    assert await states(more, late) == {"a": "verified", "b": "verified", "c": "verified"}
    assert set(await more.copies(PUBLISHED.agreement.id)) == {"a", "b", "c"}
    assert (await more.work(), len(await more.told(AipStoredV1))) == ([], 1)


async def test_a_copy_that_is_begun_from_staging_and_finds_it_gone_comes_from_another_site(
    depot: Depot, third: OpenSite
) -> None:
    more = depot.and_site(third)
    await declare(more)
    late = await depot.hand_over()
    (held,) = await background(more, WRITE)
    await depot.write()
    looked = await more.keeper._subject(held)  # noqa: SLF001 (the moment before the others are done)
    await depot.verify()
    await depot.staging.delete(late.staging_key)

    with pytest.raises(TryAgain, match="is stored"):
        await more.keeper._refuse(held, looked[0], "gone")  # noqa: SLF001
    await more.release()
    await repair(more)

    assert await states(more, late) == {"a": "verified", "b": "verified", "c": "verified"}


async def test_whoever_declares_a_site_waits_for_what_is_being_taken_in(depot: Depot, third: OpenSite) -> None:
    await declare(depot)
    more = depot.and_site(third)
    async with depot.database.begin() as tx:
        await take_aips(sorted(depot.sites))(tx, [an_announcement(new_id(), CONTENT)])
        declaring = asyncio.create_task(declare(more))
        async with asyncio.timeout(30):
            while not await depot.databases.as_superuser("SELECT FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.05)
    await declaring

    assert (await known(more))["c"] == "filling", "the archive is not empty"


async def test_a_new_site_that_is_away_is_waited_for(depot: Depot, third: OpenSite) -> None:
    await declare(depot)
    message = await stored(depot)
    more = depot.and_site(third)
    await declare(more)
    (held,) = await more.lease(FILL)
    await Filler(more.database, list(more.sites)).fill(held)
    root = more.file("c", "x").parent
    root.rename(root.with_name("unmounted"))
    (held,) = await background(more, WRITE)
    with pytest.raises(TryAgain):
        await more.keeper.write(held)
    await depot.release()
    (held,) = await depot.lease(FILL)
    with pytest.raises(TryAgain, match="no longer declared"):
        await Filler(depot.database, list(depot.sites)).fill(held)

    root.with_name("unmounted").rename(root)
    await fill(more)
    assert set((await states(more, message)).values()) == {"verified"}


async def test_of_two_hands_on_one_filling_one_counts(depot: Depot, third: OpenSite) -> None:
    await declare(depot)
    await stored(depot)
    more = depot.and_site(third)
    await declare(more)
    filler = Filler(more.database, list(more.sites))
    (slow,) = await more.lease(FILL)
    await more.release()
    (quick,) = await more.lease(FILL)

    await filler.fill(quick)
    with pytest.raises(StaleLease):
        await filler.fill(slow)
    await fill(more)

    assert len(await more.lines("site.filled")) == 1


async def test_the_room_itself_fills_a_site_that_is_declared(
    depot: Depot, third: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    await declare(depot)
    message = await stored(depot)
    declared = (*depot.settings.sites, third_declared(third))
    own = depot.settings.model_copy(update={"sites": declared})
    url = SecretStr(depot.databases.url("storage"))
    room = build(RoomSettings(database_url=url, internal_secret=SecretStr(SECRET)), own, LocalTransport())
    monkeypatch.setattr("services.storage.filling.PAUSE", timedelta())

    (chore,) = (one for one in room.chores if one.name == "sites")
    assert await chore.do(room.foundation.database) == 1
    loops = [asyncio.create_task(loop.run()) for loop in room.loops]
    async with asyncio.timeout(60):
        while (await known(depot))["c"] != "active":
            await asyncio.sleep(0.1)
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    for close in (*room.close, room.foundation.calls.close, room.foundation.database.engine.dispose):
        await close()

    assert set((await states(depot, message)).values()) == {"verified"}


def third_declared(third: OpenSite) -> SiteSettings:
    site = third.site
    return SiteSettings(name=site.name, kind="filesystem", place=site.place, path=site.location)


def test_a_forecast_is_made_of_what_was_written_so_far() -> None:
    assert forecast(300, 100, timedelta(seconds=10)) == 30
    assert forecast(300, 0, timedelta(seconds=10)) is None
