"""What a site lists against the copy map: orphans are named and stay, copies that are not there are lost."""

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from services.storage.coherence import Comparer
from services.storage.domain.copies import CopyState
from services.storage.runs import COHERENCE, ask_monthly
from services.storage.standing import measure_standing
from shared.messaging.outcome import TryAgain
from tests.integration.storage.audit_door import asked, told, work_off
from tests.integration.storage.audited import Stopped, dying, sample, site_folder, stored
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot

pytestmark = pytest.mark.integration

BOTH = pytest.mark.parametrize("kind", ["folders", "buckets"])


def put_there(folder: Path, key: str, *, days: float = 3) -> None:
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"whose?")
    os.utime(path, (time.time() - days * 86400,) * 2)


@BOTH
async def test_a_site_that_holds_what_it_should_is_coherent(open_depot: OpenDepot, kind: str) -> None:
    depot = await open_depot(kind)
    messages = await stored(depot, 7)
    keys = {(await depot.holding(message.aip_id)).key for message in messages}
    there = {one.key async for one in depot.sites["b"].store.listed()} if kind == "buckets" else keys
    place = await asked(depot, "coherence", {"site": "b"})

    await work_off(depot)

    run = await told(depot, place)
    (part,) = run["sites"]
    counts = {"listed": len(there), "compared": 7, "orphan": 0, "missing": 0}
    assert (run["state"], part["site"], part["counts"]) == ("ended", "b", counts)
    assert (run["good"], run["named"]) == (True, [])
    (line,) = await depot.lines("audit.coherence.completed")
    assert (line.kind, line.outcome, line.details["b.compared"]) == ("archives", "ok", 7)


async def test_keys_that_no_holding_names_are_named_and_stay(depot: Depot) -> None:
    first, *_ = messages = await stored(depot, 4)
    folder = site_folder(depot, "a")
    orphans = ["aaa/left", f"{first.establishment}/aips/zz/unknown.tar", "zzz/left"]
    for key in orphans:
        put_there(folder, key)
    put_there(folder, "zzz/young", days=0.1)
    purged = await depot.holding(messages[1].aip_id)
    await depot.databases.as_superuser("UPDATE storage.holding SET state = 'purged' WHERE id = $1", purged.id)
    os.utime(depot.file("a", purged.key), (time.time() - 3 * 86400,) * 2)
    place = await asked(depot, "coherence", {"site": "a"})

    await work_off(depot)

    run = await told(depot, place)
    assert {one["key"] for one in run["named"]} == {*orphans, purged.key}
    assert {one["outcome"] for one in run["named"]} == {"orphan"}
    assert (run["good"], run["sites"][0]["counts"]["orphan"], run["sites"][0]["counts"]["listed"]) == (False, 4, 8)
    assert all((folder / key).exists() for key in (*orphans, purged.key))
    (line,) = await depot.lines("audit.coherence.completed")
    assert (line.outcome, line.details["a.orphan"]) == ("ko", 4)


@BOTH
async def test_copies_that_are_not_there_are_lost(
    open_depot: OpenDepot, request: pytest.FixtureRequest, kind: str
) -> None:
    depot = await open_depot(kind)
    messages = await stored(depot, 6)
    gone, hidden = messages[0], messages[3]
    copy = (await depot.copies(gone.aip_id))["a"]
    if kind == "folders":
        depot.file("a", copy.key).unlink()
    else:
        await depot.databases.as_superuser(
            "UPDATE storage.copy SET version_id = $1 WHERE version_id = $2", "0" * 32, copy.version_id
        )
        # The service's own key may delete nothing.
        root, bucket = request.getfixturevalue("seaweed").client(), depot.settings.sites[0].bucket
        root.remove_object(bucket, copy.key)
        # Under a marker, and yet there: a list alone proves nothing.
        root.remove_object(bucket, (await depot.copies(hidden.aip_id))["a"].key)
    place = await asked(depot, "coherence", {"site": "a"})

    await work_off(depot)

    run = await told(depot, place)
    assert [(one["key"], one["outcome"]) for one in run["named"]] == [(copy.key, "missing")]
    assert run["sites"][0]["counts"]["compared"] == 6
    states = [(await depot.copies(message.aip_id))["a"].state for message in messages]
    assert states == [CopyState.LOST, *[CopyState.VERIFIED] * 5]
    assert (await depot.work()).count("write a") == 1


@pytest.mark.parametrize("point", ["storage.coherence.noted", "storage.coherence.missing"])
async def test_a_comparison_that_dies_goes_on_where_it_was(
    depot: Depot, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    messages = await stored(depot, 8)
    for number, message in enumerate(messages):
        if number % 3 == 0:
            depot.file("a", (await depot.copies(message.aip_id))["a"].key).unlink()
    put_there(site_folder(depot, "a"), "zzz/left")
    place = await asked(depot, "coherence", {"site": "a"})
    dying(monkeypatch, point, 2)
    (held,) = await depot.lease(COHERENCE)
    with pytest.raises(Stopped):
        await Comparer(depot.database, depot.sites, 3).compare(held)
    await depot.release()

    await work_off(depot)

    run = await told(depot, place)
    assert run["sites"][0]["counts"] == {"listed": 6, "compared": 8, "orphan": 1, "missing": 3}
    assert len(run["named"]) == 4


async def test_an_emptied_site_is_compared_slowly_to_its_end(
    depot: Depot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("services.storage.coherence.MOST_LOST", 2)
    messages = await stored(depot, 5)
    for message in messages:
        depot.file("a", (await depot.copies(message.aip_id))["a"].key).unlink()
    place = await asked(depot, "coherence", {"site": "a"})

    for lost in (2, 4):
        await work_off(depot)
        states = Counter([(await depot.copies(message.aip_id))["a"].state for message in messages])
        assert (states[CopyState.LOST], (await told(depot, place))["state"]) == (lost, "running")
        assert await depot.lease(COHERENCE) == []
        await measure_standing(["a", "b"], depot.database)
        assert [sample("site_losing", site=site) for site in "ab"] == [1, 0]
        await depot.release()
    await work_off(depot)

    assert (await told(depot, place))["sites"][0]["counts"] == {
        "listed": 0,
        "compared": 5,
        "orphan": 0,
        "missing": 5,
    }
    assert [line.levelname for line in caplog.records if "loses its copies" in line.message] == ["CRITICAL"] * 2


async def test_what_the_last_comparison_of_a_site_found_is_told_until_the_next(
    depot: Depot, caplog: pytest.LogCaptureFixture
) -> None:
    messages = await stored(depot, 2)
    orphan = site_folder(depot, "a") / "zzz/left"
    put_there(site_folder(depot, "a"), "zzz/left")
    depot.file("a", (await depot.copies(messages[0].aip_id))["a"].key).unlink()
    await asked(depot, "coherence", {"site": "a"})
    await work_off(depot)

    await measure_standing(["a", "b"], depot.database)
    assert [sample("audit_named", site="a", outcome=outcome) for outcome in ("orphan", "missing")] == [1, 1]
    (line,) = [line for line in caplog.records if "found faults" in line.message]
    assert (line.levelname, line.__dict__["a.orphan"]) == ("ERROR", 1)

    orphan.unlink()
    await asked(depot, "coherence", {"site": "a"})
    await work_off(depot)
    await measure_standing(["a", "b"], depot.database)
    assert [sample("audit_named", site="a", outcome=outcome) for outcome in ("orphan", "missing")] == [0, 0]


async def test_a_site_that_is_away_is_waited_for(depot: Depot) -> None:
    (message,) = await stored(depot, 1)
    place = await asked(depot, "coherence", {"site": "a"})
    folder = site_folder(depot, "a")
    away = folder.rename(folder.with_name("elsewhere"))
    (held,) = await depot.lease(COHERENCE)

    with pytest.raises(TryAgain, match="site a"):
        await Comparer(depot.database, depot.sites).compare(held)

    assert (await told(depot, place))["good"] is None
    assert (await depot.copies(message.aip_id))["a"].state is CopyState.VERIFIED
    away.rename(folder)
    await depot.release()
    await work_off(depot)
    assert (await told(depot, place))["good"] is True


async def test_every_site_is_compared_once_a_month_whoever_asks(depot: Depot) -> None:
    for _ in range(2):
        await ask_monthly(["a", "b"], depot.database)

    assert await depot.work() == ["coherence a", "coherence b"]
    lines = await depot.lines("audit.coherence.asked")
    assert [(line.actor, line.details["sites"]) for line in lines] == [("room:storage", "a"), ("room:storage", "b")]
