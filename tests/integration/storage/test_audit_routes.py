"""What operators and auditors see of audits and may ask for, each within its mandates, and what comes of it."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from services.storage.audit_survey import Surveyor
from services.storage.domain.copies import CopyState
from services.storage.runs import SAMPLE, forget
from services.storage.sampling import SITE_ATTEMPTS
from shared.identity.rights import Role
from tests.builders.callers import a_token
from tests.integration.storage.audit_door import PLACE, a_sampler, asked, door, told, work_off
from tests.integration.storage.audited import Stopped, audit, dying, read_now, sample, site_folder, stored
from tests.integration.storage.depot import Depot, spoil

pytestmark = pytest.mark.integration


async def test_progress_tells_what_was_read_what_is_due_and_when_it_will_have_been(depot: Depot) -> None:
    messages = await stored(depot, 4, days=0.7)
    await audit(depot)  # so that a speed is known
    for message, age in zip(messages, ("30 hours", "14 hours", "1 hour", "1 hour"), strict=True):
        statement = (
            "UPDATE storage.copy SET verified_at = now() - $2::text::interval WHERE holding = $1 AND site = 'a'"
        )
        await depot.databases.as_superuser(statement, message.aip_id, age)

    progress = await told(depot, PLACE)

    a, b = progress["sites"]
    assert (progress["period_days"], a["site"], b["site"]) == (1, "a", "b")
    assert [a[name] for name in ("copies", "due", "late", "read_within_period")] == [4, 2, 1, 3]
    assert a["bytes"] == sum(message.size for message in messages)
    assert a["bytes_per_second"] > 0
    # So little is read within the same millisecond.
    assert a["oldest_read_at"] < a["missed_from"] < progress["measured_at"] <= a["caught_up_at"]
    assert [b[name] for name in ("copies", "due", "late", "missed_from")] == [4, 0, 0, None]
    assert b["round_began_at"] is not None


async def test_the_same_is_told_as_metrics(depot: Depot) -> None:
    await stored(depot, 2, days=2)

    await Surveyor(depot.database, ["a", "b"], depot.settings).measure(depot.database)

    assert [sample(f"audit_{name}", site="a") for name in ("copies_due", "copies_late", "missed")] == [2, 2, 1]
    assert 1.9 * 86400 < sample("audit_oldest_seconds", site="b") < 2.1 * 86400
    assert sample("audit_bytes_per_second", site="a") == 0


async def test_a_survey_rests_however_many_ask(depot: Depot) -> None:
    surveyor = Surveyor(depot.database, ["a"], depot.settings, clock=lambda: 0.0)
    first = await surveyor.look()
    await stored(depot, 1)

    assert await surveyor.look() is first


async def test_a_sample_reads_so_many_copies_of_each_site_now(depot: Depot) -> None:
    await stored(depot, 5, days=0.1)
    place = await asked(depot, "samples", {"count": 3})
    assert (await told(depot, place))["state"] == "running"

    await work_off(depot)

    run = await told(depot, place)
    assert (run["state"], run["good"], run["named"]) == ("ended", True, [])
    assert [(one["site"], one["counts"]) for one in run["sites"]] == [
        (site, {"drawn": 3, "whole": 3}) for site in "ab"
    ]
    (line,) = await depot.lines("audit.sample.completed")
    assert (line.kind, line.outcome, line.details["a.whole"]) == ("archives", "ok", 3)
    (line,) = await depot.lines("audit.sample.asked")
    assert (line.actor, line.details) == ("client:tests", {"sites": "a,b", "count": "3"})


async def test_a_share_of_a_kind_of_one_establishment_on_one_site(depot: Depot) -> None:
    messages = await stored(depot, 3, days=0.1)
    own = messages[1]
    await depot.databases.as_superuser("UPDATE storage.holding SET kind = 'record' WHERE id = $1", messages[2].aip_id)

    for body, drawn in (
        ({"establishment": str(own.establishment)}, 1),
        ({"kind": "record"}, 1),
        ({"kind": "journal"}, 0),
        ({}, 3),
    ):
        place = await asked(depot, "samples", {"share": 1.0, "sites": ["b"], **body})
        await work_off(depot)
        (part,) = (await told(depot, place))["sites"]
        assert (part["site"], part["counts"]["drawn"], part["counts"].get("whole", 0)) == ("b", drawn, drawn)


async def test_a_small_share_of_few_is_one(depot: Depot) -> None:
    await stored(depot, 3, days=0.1)
    place = await asked(depot, "samples", {"share": 0.01})
    await work_off(depot)

    assert [one["counts"]["drawn"] for one in (await told(depot, place))["sites"]] == [1, 1]


async def test_what_a_sample_finds_lost_is_named_and_lost(depot: Depot) -> None:
    bad, _ = await stored(depot, 2, days=0.1)
    copy = (await depot.copies(bad.aip_id))["a"]
    spoil(depot.file("a", copy.key))
    place = await asked(depot, "samples", {"count": 10})

    await work_off(depot)

    run = await told(depot, place)
    assert (run["good"], run["named"]) == (False, [{"site": "a", "key": copy.key, "outcome": "mismatch"}])
    assert (await depot.copies(bad.aip_id))["a"].state is CopyState.LOST
    (line,) = await depot.lines("audit.sample.completed")
    assert (line.outcome, line.details["a.mismatch"], line.details["a.whole"]) == ("ko", 1, 1)


async def test_copies_of_a_site_that_stays_away_are_unknown_and_never_whole(depot: Depot) -> None:
    (message,) = await stored(depot, 1)
    key = (await depot.holding(message.aip_id)).key
    folder = site_folder(depot, "a")
    folder.rename(folder.with_name("elsewhere"))
    place = await asked(depot, "samples", {"count": 10})

    for _ in range(SITE_ATTEMPTS - 1):
        assert await depot.refused_for_now(a_sampler(depot).sample, SAMPLE) == 1
        assert (await told(depot, place))["good"] is None
        await depot.release()
    assert await depot.refused_for_now(a_sampler(depot).sample, SAMPLE) == 0

    run = await told(depot, place)
    assert (run["good"], run["named"]) == (False, [{"site": "a", "key": key, "outcome": "unknown"}])
    assert (await depot.copies(message.aip_id))["a"].state is CopyState.VERIFIED
    assert await read_now(depot, message.aip_id) == {"b"}


async def test_a_sample_that_dies_goes_on_with_what_it_drew(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    await stored(depot, 4, days=0.1)
    place = await asked(depot, "samples", {"count": 3, "sites": ["a"]})
    passed = dying(monkeypatch, "storage.sample.noted", 2)
    (held,) = await depot.lease(SAMPLE)
    with pytest.raises(Stopped):
        await a_sampler(depot).sample(held)
    assert (await told(depot, place))["sites"][0]["counts"] == {"whole": 2, "waiting": 1}
    await depot.release()

    await work_off(depot)

    assert passed.count("storage.audit.read") == 3
    assert (await told(depot, place))["sites"][0]["counts"] == {"drawn": 3, "whole": 3}


async def test_a_run_is_seen_within_ones_mandates_only(depot: Depot) -> None:
    message, _ = await stored(depot, 2)
    own, foreign = message.establishment, uuid4()
    mine, theirs = a_token(Role.OPERATOR, own), a_token(Role.OPERATOR, foreign)
    place = await asked(depot, "samples", {"count": 5, "establishment": str(own)}, mine)
    whole = await asked(depot, "coherence", {"site": "a"})

    async with door(depot, theirs) as http:
        assert [(await http.get(one)).status_code for one in (place, whole, f"{PLACE}/runs/x")] == [404] * 3
        body: dict[str, Any] = {"count": 5, "establishment": str(own)}
        assert (await http.post(f"{PLACE}/samples", json=body)).status_code == 404
        for what, body in (("samples", {"count": 5}), ("coherence", {"site": "a"})):
            refused = await http.post(f"{PLACE}/{what}", json=body)
            assert (refused.status_code, refused.json()["code"]) == (403, "whole_platform_only")
    async with door(depot, mine) as http:
        assert [(await http.get(one)).status_code for one in (place, whole)] == [200, 404]


async def test_runs_are_listed_the_newest_first_within_ones_mandates(depot: Depot) -> None:
    message, _ = await stored(depot, 2)
    own = message.establishment
    mine = a_token(Role.OPERATOR, own)
    places = [
        await asked(depot, "coherence", {"site": "a"}),
        await asked(depot, "samples", {"count": 5, "establishment": str(own)}, mine),
        await asked(depot, "samples", {"count": 1}),
    ]
    await work_off(depot)
    ids = [place.rpartition("/")[2] for place in places]

    first = await told(depot, f"{PLACE}/runs?limit=2")
    second = await told(depot, f"{PLACE}/runs?limit=2&cursor={first['next']}")
    ours = await told(depot, f"{PLACE}/runs", mine)
    theirs = await told(depot, f"{PLACE}/runs", a_token(Role.OPERATOR, uuid4()))

    assert [one["id"] for one in (*first["items"], *second["items"])] == ids[::-1]
    assert (second["next"], [one["id"] for one in ours["items"]], theirs["items"]) == (None, [ids[1]], [])
    assert [(one["kind"], one["state"], one["good"]) for one in first["items"]] == [("sample", "ended", True)] * 2
    assert second["items"][0]["sites"][0]["counts"]["compared"] == 2


async def test_who_is_of_one_establishment_is_told_nothing_of_all(depot: Depot) -> None:
    async with door(depot, a_token(Role.AUDITOR, uuid4())) as http:
        answer = await http.get(PLACE)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_who_is_of_one_establishment_has_one_sample_under_way(depot: Depot) -> None:
    message, _ = await stored(depot, 2)
    body = {"count": 5, "establishment": str(message.establishment)}
    mine = a_token(Role.AUDITOR, message.establishment)
    async with door(depot, mine) as http:
        both = await asyncio.gather(*(http.post(f"{PLACE}/samples", json=body) for _ in range(2)))
        assert sorted(answer.status_code for answer in both) == [202, 409]
        assert {answer.json().get("code") for answer in both} == {None, "sample_under_way"}
    # An operator of all need not wait; and once they have ended there is room for another.
    await asked(depot, "samples", body)
    await work_off(depot)
    await asked(depot, "samples", body, mine)


async def test_a_share_of_too_many_is_refused_and_none_is_cut(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.storage.audit_api.MOST_DRAWN", 4)
    message, *_ = await stored(depot, 6, days=0.1)
    place = f"{PLACE}/samples"
    async with door(depot, a_token(Role.OPERATOR)) as http:
        bodies = [{"share": 1.0}, {"share": 0.8}, {"share": 0.6}, {"share": 1.0, "kind": "record"}]
        answers = [await http.post(place, json=body) for body in bodies]
        one = await http.post(place, json={"share": 1.0, "establishment": str(message.establishment)})

    assert [answer.status_code for answer in (*answers, one)] == [422, 422, 202, 202, 202]
    assert answers[0].json()["code"] == "sample_too_large"
    await work_off(depot)
    run = await told(depot, answers[2].headers["location"])
    assert [part["counts"]["drawn"] for part in run["sites"]] == [4, 4]


async def test_a_sample_of_an_emptied_site_goes_on_slowly(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.storage.sampling.MOST_LOST", 2)
    messages = await stored(depot, 3, days=0.1)
    for message in messages:
        depot.file("a", (await depot.copies(message.aip_id))["a"].key).unlink()
    place = await asked(depot, "samples", {"count": 3, "sites": ["a"]})

    await work_off(depot)
    assert (await told(depot, place))["sites"][0]["counts"] == {"missing": 2, "waiting": 1}
    assert await depot.lease(SAMPLE) == []
    await depot.release()
    await work_off(depot)

    assert (await told(depot, place))["sites"][0]["counts"] == {"drawn": 3, "missing": 3}


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        (Role.OPERATOR, [200, 202, 202]),
        (Role.AUDITOR, [200, 202, 202]),
        (Role.ADMINISTRATOR, [200, 403, 403]),
        (Role.ARCHIVIST, [403, 403, 403]),
    ],
)
async def test_who_may_see_and_who_may_ask(depot: Depot, role: Role, statuses: list[int]) -> None:
    async with door(depot, a_token(role)) as http:
        answers = [
            await http.get(PLACE),
            await http.post(f"{PLACE}/samples", json={"count": 1}),
            await http.post(f"{PLACE}/coherence", json={"site": "a"}),
        ]

    assert [answer.status_code for answer in answers] == statuses


NONSENSE: list[dict[str, Any]] = [
    {},
    {"count": 0},
    {"count": True},
    {"count": 1, "share": 0.5},
    {"share": 0},
    {"share": 1.5},
    {"count": 1, "x": 1},
    {"count": 1, "sites": ["nowhere"]},
    {"count": 1, "sites": []},
    {"count": 1, "kind": "sip"},
]


async def test_a_sample_that_makes_no_sense_is_refused(depot: Depot) -> None:
    async with door(depot, a_token(Role.OPERATOR)) as http:
        answers = [await http.post(f"{PLACE}/samples", json=body) for body in NONSENSE]

    assert [answer.status_code for answer in answers] == [422] * len(NONSENSE)


async def test_runs_of_more_than_a_year_ago_are_forgotten_and_those_under_way_are_not(depot: Depot) -> None:
    await stored(depot, 1)
    old, young = [await asked(depot, "samples", {"count": 1}) for _ in range(2)]
    await work_off(depot)
    waiting = await asked(depot, "samples", {"count": 1})
    aged = (
        "UPDATE storage.audit_run SET asked_at = now() - interval '401 days', ended_at = {} WHERE id = $1::text::uuid"
    )
    await depot.databases.as_superuser(aged.format("now() - interval '401 days'"), old.rpartition("/")[2])
    await depot.databases.as_superuser(aged.format("NULL"), waiting.rpartition("/")[2])

    assert await forget(depot.database) == 1

    async with door(depot, a_token(Role.AUDITOR)) as http:
        assert [(await http.get(place)).status_code for place in (old, young, waiting)] == [404, 200, 200]
