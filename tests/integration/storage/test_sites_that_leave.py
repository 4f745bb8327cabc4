"""A site is retired only where the others hold all; one that is gone is said."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.declaring import measure_declared
from services.storage.domain.holdings import HoldingKey
from services.storage.domain.sites import SiteState
from services.storage.handlers import WRITE
from services.storage.queries import sites as queries
from services.storage.retiring import RETIRE, NotRetirable, Retirer, keep, retire
from services.storage.sites import OpenSite
from shared import faults
from shared.messages.storage import AipStoredV1
from shared.messaging.outcome import TryAgain
from tests.integration.storage.depot import Depot, spoil
from tests.integration.storage.harm import CONTENT, audit, repair, states, stored
from tests.integration.storage.moves import Killed, declare, fill, known, names_of, retired, surveyed

pytestmark = pytest.mark.integration

PERIOD = timedelta(days=90)


async def three_sites(depot: Depot, third: OpenSite) -> Depot:
    more = depot.and_site(third)
    await declare(more)
    return more


async def test_a_site_leaves_once_the_others_hold_all(depot: Depot, third: OpenSite) -> None:
    more = await three_sites(depot, third)
    message = await stored(more)
    fewer = replace(more, sites={name: more.sites[name] for name in "ac"})

    begun = await retire(more.database, more.sites, "b", "operator:x", PERIOD)
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
    with pytest.raises(NotRetirable, match="two active sites on distinct places"):
        await retire(depot.database, depot.sites, "b", "operator:x", PERIOD)
    more = await three_sites(depot, third)
    with pytest.raises(NotRetirable, match="two active sites"):
        await retire(depot.database, more.sites, "b", "operator:x", PERIOD)
    await fill(more)
    spoil(more.file("c", (await more.holding(message.aip_id)).key))
    await audit(more, "c", message.aip_id)

    key = (await more.holding(message.aip_id)).key
    with pytest.raises(NotRetirable, match=f"1 holdings .* the first is {key}"):
        await retire(more.database, more.sites, "b", "operator:x", PERIOD)
    with pytest.raises(NotRetirable, match="No site d"):
        await retire(more.database, more.sites, "d", "operator:x", PERIOD)
    c = more.sites["c"]
    same_place = {**more.sites, "c": replace(c, site=replace(c.site, place=" rennes, Salle A"))}
    with pytest.raises(NotRetirable, match="distinct places"):
        await retire(more.database, same_place, "b", "operator:x", PERIOD)

    assert (await known(more))["b"] == "active"
    await repair(more)
    assert (await retire(more.database, more.sites, "b", "operator:x", PERIOD)).state is SiteState.RETIRING


async def test_what_is_lost_elsewhere_while_a_site_leaves_keeps_its_copy_until_it_is_whole(
    depot: Depot, third: OpenSite
) -> None:
    more = await three_sites(depot, third)
    message = await stored(more)
    await retire(more.database, more.sites, "b", "operator:x", PERIOD)
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
    await more.verify()
    assert (await more.holding(waiting.aip_id)).state == "storing"

    await retire(fewer.database, fewer.sites, "b", "operator:x", PERIOD)
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
    for _ in range(2):
        await retire(more.database, more.sites, "b", "operator:x", PERIOD)

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
    assert (await retire(more.database, more.sites, "b", "operator:x", PERIOD)).state is SiteState.RETIRED


async def test_a_retired_name_that_is_declared_takes_nothing_and_two_sites_are_always_needed(
    depot: Depot, third: OpenSite, caplog: pytest.LogCaptureFixture
) -> None:
    more = await three_sites(depot, third)
    await retire(more.database, more.sites, "b", "operator:x", PERIOD)
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


async def test_of_two_sites_that_leave_at_one_moment_one_stays(depot: Depot, third: OpenSite) -> None:
    more = await three_sites(depot, third)
    await stored(more)

    asked = (retire(more.database, more.sites, name, "operator:x", PERIOD) for name in "bc")
    done = await asyncio.gather(*asked, return_exceptions=True)

    assert sorted(type(one).__name__ for one in done) == ["Begun", "NotRetirable"]
    assert sorted((await known(more)).values()) == ["active", "active", "retiring"]


async def test_what_is_not_known_of_the_others_keeps_a_site(depot: Depot, third: OpenSite) -> None:
    more = await three_sites(depot, third)
    message = await stored(more)
    root = more.file("c", "x").parent
    root.rename(root.with_name("unmounted"))
    with pytest.raises(NotRetirable, match="Site c does not answer"):
        await retire(more.database, more.sites, "b", "operator:x", PERIOD)
    root.with_name("unmounted").rename(root)
    await depot.databases.as_superuser(
        "UPDATE storage.copy SET verified_at = now() - interval '91 days' WHERE site = 'c'"
    )

    key = (await more.holding(message.aip_id)).key
    with pytest.raises(NotRetirable, match=f"read within 90 days.* the first is {key}"):
        await retire(more.database, more.sites, "b", "operator:x", PERIOD)

    assert (await known(more))["b"] == "active"
    longer = await retire(more.database, more.sites, "b", "operator:x", PERIOD * 2)
    assert longer.state is SiteState.RETIRING


async def test_a_site_that_is_kept_after_all_has_everything_again_and_sends_nothing_twice(
    depot: Depot, third: OpenSite
) -> None:
    more = await three_sites(depot, third)
    messages = [await stored(more, CONTENT + bytes([number])) for number in range(3)]
    await retire(more.database, more.sites, "b", "operator:x", PERIOD)
    (held,) = await more.lease(RETIRE)
    await Retirer(more.database, more.sites).retire(held)
    assert [(await states(more, one))["b"] for one in messages] == ["retired"] * 3
    spoil(more.file("b", (await more.holding(messages[0].aip_id)).key))
    written_at = more.file("b", (await more.holding(messages[1].aip_id)).key).stat().st_mtime_ns

    assert (await keep(more.database, "b", "operator:y")).state is SiteState.FILLING
    with pytest.raises(NotRetirable, match="only a site that is being retired"):
        await keep(more.database, "b", "operator:y")
    assert (await surveyed(more, "b"))["copies_left"] == 3
    await retired(more)
    await fill(more)

    assert [(await states(more, one))["b"] for one in messages] == ["verified"] * 3
    assert ((await known(more))["b"], await more.work()) == ("active", [])
    assert more.file("b", (await more.holding(messages[1].aip_id)).key).stat().st_mtime_ns == written_at
    assert [line.actor for line in await more.lines("site.kept")] == ["operator:y"]
    assert await more.lines("copy.repaired") == []


async def test_the_walk_of_a_site_that_leaves_goes_on_where_something_was_left(
    depot: Depot, third: OpenSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.storage.queries.sites.AT_ONCE", 2)
    more = await three_sites(depot, third)
    messages = [await stored(more, CONTENT + bytes([number])) for number in range(5)]
    await retire(more.database, more.sites, "b", "operator:x", PERIOD)
    spoil(more.file("c", (await more.holding(messages[3].aip_id)).key))
    await audit(more, "c", messages[3].aip_id)
    asked_from: list[HoldingKey] = []
    on_site = queries.on_site

    async def watched(connection: AsyncConnection, name: str, after: HoldingKey) -> list[HoldingKey]:
        asked_from.append(after)
        return await on_site(connection, name, after)

    monkeypatch.setattr(queries, "on_site", watched)
    await retired(more, most=4)
    first_walk = len(asked_from)
    await retired(more, most=4)

    keys = sorted((one.aip_id, 1) for one in messages)
    assert set(asked_from[first_walk:]) <= {keys[1], keys[3]}, "what was let go is not read again"
    await repair(more)
    await retired(more)
    assert (await known(more))["b"] == "retired"


async def test_what_is_taken_in_at_the_moment_a_site_leaves_waits_for_no_copy_there(
    depot: Depot, third: OpenSite
) -> None:
    more = await three_sites(depot, third)
    await stored(more)

    leaving = asyncio.create_task(retire(more.database, more.sites, "b", "operator:x", PERIOD))
    messages = await asyncio.gather(*(more.hand_over(CONTENT + bytes([number])) for number in range(10)))
    await leaving
    await retired(more)
    await more.release()
    await more.work_off()
    await retired(more)
    await more.release()
    await more.work_off()

    assert ((await known(more))["b"], await more.work()) == ("retired", [])
    for message in messages:
        assert (await more.holding(message.aip_id)).state == "stored"
        assert (await states(more, message)).get("b") in (None, "retired")
