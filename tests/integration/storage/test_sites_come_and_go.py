"""A site declared later is filled in the background; one is retired only where the others hold all."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.storage.declaring import measure_declared, reconcile
from services.storage.domain.sites import SiteState
from services.storage.filling import FILL, Filler
from services.storage.handlers import WRITE, take_agreements
from services.storage.queries import sites as queries
from services.storage.retiring import RETIRE, NotRetirable, Retirer, retire
from services.storage.sites import OpenSite
from services.storage.survey import forecast, survey
from shared import faults
from shared.messages.storage import AipStoredV1, CopyRepairedV1
from shared.messaging.outcome import TryAgain
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot, spoil
from tests.integration.storage.harm import CONTENT, audit, background, repair, states, stored
from tests.integration.storage.test_records import PUBLISHED

pytestmark = pytest.mark.integration


async def declare(depot: Depot) -> None:
    await reconcile([one.site for one in depot.sites.values()], depot.database)


async def fill(depot: Depot, *, most: int = 20) -> int:
    """Do the work of filling, and copying, until there is none; return how often it was leased."""
    filler = Filler(depot.database, list(depot.sites))
    for rounds in range(most):
        await depot.release()
        held = await depot.lease(FILL)
        if not held:
            return rounds
        for one in held:
            await filler.fill(one)
        await repair(depot)
    raise AssertionError("it does not end")


async def retired(depot: Depot, *, most: int = 10) -> None:
    retirer = Retirer(depot.database, depot.sites)
    for _ in range(most):
        await depot.release()
        for one in await depot.lease(RETIRE):
            await retirer.retire(one)


async def known(depot: Depot) -> dict[str, str]:
    async with depot.database.reading() as connection:
        return {name: one.state.value for name, one in (await queries.known(connection)).items()}


async def surveyed(depot: Depot, name: str) -> dict[str, Any]:
    async with depot.database.reading() as connection:
        return {one["name"]: one for one in await survey(connection, depot.sites)}[name]


def names_of(lines: list[Any]) -> list[str]:
    return [line.details["site"] for line in lines]


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


class Killed(BaseException):
    """The process died here."""


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


def test_a_forecast_is_made_of_what_was_written_so_far() -> None:
    assert forecast(300, 100, timedelta(seconds=10)) == 30
    assert forecast(300, 0, timedelta(seconds=10)) is None


async def three_sites(depot: Depot, third: OpenSite) -> Depot:
    more = depot.and_site(third)
    await declare(more)
    return more


async def test_a_site_leaves_once_the_others_hold_all(depot: Depot, third: OpenSite) -> None:
    more = await three_sites(depot, third)
    message = await stored(more)
    fewer = replace(more, sites={name: more.sites[name] for name in "ac"})

    begun = await retire(more.database, [one.site for one in more.sites.values()], "b", "operator:x")
    assert begun.state is SiteState.RETIRING
    await retired(more)

    assert await known(more) == {"a": "active", "b": "retired", "c": "active"}
    assert await states(more, message) == {"a": "verified", "b": "retired", "c": "verified"}
    assert [line.actor for line in await more.lines("site.retiring")] == ["operator:x"]
    assert names_of(await more.lines("site.retired")) == ["b"]
    assert more.file("b", (await more.holding(message.aip_id)).key).read_bytes() == CONTENT
    # Nothing new goes there, declared or not; what is lost elsewhere comes from the others.
    later = [await stored(one, CONTENT + bytes([number])) for number, one in enumerate((more, fewer))]
    assert [set(await states(more, one)) for one in later] == [{"a", "c"}] * 2
    spoil(more.file("a", (await more.holding(message.aip_id)).key))
    await audit(more, "a", message.aip_id)
    await repair(fewer)
    assert await states(more, message) == {"a": "verified", "b": "retired", "c": "verified"}
    assert await more.work() == []


async def test_a_site_that_is_needed_does_not_leave(depot: Depot, third: OpenSite) -> None:
    await declare(depot)
    message = await stored(depot)
    declared = [one.site for one in depot.sites.values()]
    with pytest.raises(NotRetirable, match="two active sites on distinct places"):
        await retire(depot.database, declared, "b", "operator:x")
    more = await three_sites(depot, third)
    declared = [one.site for one in more.sites.values()]
    with pytest.raises(NotRetirable, match="two active sites"):
        await retire(depot.database, declared, "b", "operator:x")
    await fill(more)
    spoil(more.file("c", (await more.holding(message.aip_id)).key))
    await audit(more, "c", message.aip_id)

    key = (await more.holding(message.aip_id)).key
    with pytest.raises(NotRetirable, match=f"1 holdings .* the first is {key}"):
        await retire(more.database, declared, "b", "operator:x")
    with pytest.raises(NotRetirable, match="No site d"):
        await retire(more.database, declared, "d", "operator:x")
    same_place = [replace(one, place=" rennes, Salle A") if one.name == "c" else one for one in declared]
    with pytest.raises(NotRetirable, match="distinct places"):
        await retire(more.database, same_place, "b", "operator:x")

    assert (await known(more))["b"] == "active"
    await repair(more)
    assert (await retire(more.database, declared, "b", "operator:x")).state is SiteState.RETIRING


async def test_what_is_lost_elsewhere_while_a_site_leaves_keeps_its_copy_until_it_is_whole(
    depot: Depot, third: OpenSite
) -> None:
    more = await three_sites(depot, third)
    message = await stored(more)
    await retire(more.database, [one.site for one in more.sites.values()], "b", "operator:x")
    spoil(more.file("c", (await more.holding(message.aip_id)).key))
    await audit(more, "c", message.aip_id)

    await retired(more)
    assert (await known(more))["b"] == "retiring"
    assert (await surveyed(more, "b"))["copies_left"] == 1
    await repair(more)
    await retired(more)

    assert await states(more, message) == {"a": "verified", "b": "retired", "c": "verified"}
    assert (await known(more))["b"] == "retired"


async def test_a_burnt_site_leaves_and_what_only_waited_for_it_is_stored(depot: Depot, third: OpenSite) -> None:
    more = await three_sites(depot, third)
    fewer = replace(more, sites={name: more.sites[name] for name in "ac"})
    waiting = await more.hand_over()
    assert await fewer.refused_for_now(fewer.keeper.write, WRITE) == 1
    await fewer.verify()
    assert (await more.holding(waiting.aip_id)).state == "storing"

    await retire(fewer.database, [one.site for one in fewer.sites.values()], "b", "operator:x")
    await retired(fewer)
    await fewer.release()
    await fewer.work_off()

    (told,) = await more.told(AipStoredV1)
    assert [receipt.site for receipt in told.receipts] == ["a", "c"]
    assert ((await more.holding(waiting.aip_id)).state, await more.work()) == ("stored", [])


async def test_a_retirement_that_is_cut_off_goes_on_and_one_asked_for_twice_is_one(
    depot: Depot, third: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = await three_sites(depot, third)
    messages = [await stored(more, CONTENT + bytes([number])) for number in range(3)]
    declared = [one.site for one in more.sites.values()]
    for _ in range(2):
        await retire(more.database, declared, "b", "operator:x")

    def strike(name: str) -> None:
        if name == "storage.retire.batch":
            raise Killed

    monkeypatch.setattr(faults, "strike", strike)
    with pytest.raises(Killed):
        await retired(more)
    monkeypatch.setattr(faults, "strike", None)
    await retired(more)

    assert [(await states(more, one))["b"] for one in messages] == ["retired"] * 3
    assert len(await more.lines("site.retiring")) == len(await more.lines("site.retired")) == 1
    assert (await retire(more.database, declared, "b", "operator:x")).state is SiteState.RETIRED


async def test_a_retired_name_that_is_declared_takes_nothing_and_two_sites_are_always_needed(
    depot: Depot, third: OpenSite, caplog: pytest.LogCaptureFixture
) -> None:
    more = await three_sites(depot, third)
    await retire(more.database, [one.site for one in more.sites.values()], "b", "operator:x")
    await retired(more)

    with caplog.at_level(logging.WARNING):
        await declare(depot)
    assert [record.getMessage() for record in caplog.records] == [
        "a site with copies that count is not declared",
        "a declared site is retired, and takes nothing",
        "the sites that are left cannot carry an archive",
    ]
    with pytest.raises(TryAgain, match="only 1 of the sites"):
        await depot.hand_over()
    await measure_declared(["a", "b"], depot.database)
    samples = [REGISTRY.get_sample_value("chartrier_site_undeclared", {"site": site}) for site in "abc"]
    assert samples == [0, 0, 1]
