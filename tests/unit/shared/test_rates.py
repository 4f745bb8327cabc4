"""Token buckets: who keeps to a rate passes, who does not is told when he will."""

import contextlib
import math

import httpx
import pytest
from fastapi import APIRouter, Request

from shared.identity.guard import requires
from shared.identity.rights import Permission, Role
from shared.identity.tokens import room_token
from shared.limits import Limits, Rate
from shared.problems import Problem
from shared.rates import Buckets, Turnstile, address_of
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, SECRET, a_token, a_verifier


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_then_the_rate() -> None:
    clock = Clock()
    buckets = Buckets(Rate(per_second=2, burst=3), clock)

    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now += 0.5
    assert [buckets.take("a"), buckets.take("a")] == [0, 0.5]
    clock.now += 3600
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_whoever_waits_as_long_as_he_is_told_passes() -> None:
    clock = Clock()
    buckets = Buckets(Rate(per_second=0.3, burst=1), clock)
    buckets.take("a")

    clock.now += math.ceil(buckets.take("a"))

    assert buckets.take("a") == 0


def test_askers_have_a_bucket_each_and_being_refused_costs_nothing() -> None:
    clock = Clock()
    buckets = Buckets(Rate(per_second=1, burst=1), clock)

    assert [buckets.take("a"), buckets.take("b")] == [0, 0]
    assert [buckets.take("a") for _ in range(5)] == [1] * 5
    clock.now += 1
    assert buckets.take("a") == 0


def test_no_more_buckets_are_kept_than_told_and_the_silent_go_first() -> None:
    buckets = Buckets(Rate(per_second=1, burst=1), Clock(), remembered=2)
    for asker in ("a", "b", "c"):
        buckets.take(asker)

    assert len(buckets) == 2
    assert (buckets.take("c"), buckets.take("a")) == (1, 0)


def test_what_is_counted_against_somebody_refuses_the_next_who_asks() -> None:
    turnstile = Turnstile("tests", Rate(per_second=1, burst=2))
    turnstile.require("a")
    turnstile.count("a")
    turnstile.require("a")
    turnstile.count("a")

    with pytest.raises(Problem) as refused:
        turnstile.require("a")

    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
    turnstile.require("b")


@pytest.mark.parametrize(
    ("client", "named"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::/64"),
        (("testclient", 1), "testclient"),
        (None, ""),
    ],
)
def test_a_network_of_one_site_is_one_asker(client: tuple[str, int] | None, named: str) -> None:
    assert address_of(Request({"type": "http", "client": client})) == named


router = APIRouter()


@router.get("/slowed/v1/self")
async def show_self(_caller: object = requires(Permission.SELF)) -> str:
    return "you"


async def nothing() -> None: ...


async def test_a_client_that_asks_too_fast_is_told_when_to_come_back() -> None:
    app = room_app(
        "slowed", router, a_verifier(), Readiness("slowed"), nothing, Limits(Rate(per_second=0.001, burst=2))
    )

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:

        async def ask(token: str, language: str = "fr") -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
            return await client.get("/slowed/v1/self", headers=headers)

        hasty, other = a_token(Role.READER, subject="hasty"), a_token(Role.READER, subject="other")
        statuses = [(await ask(hasty)).status_code for _ in range(3)]
        french, english = await ask(hasty), await ask(hasty, "en")
        of_another = await ask(other)
        of_rooms = [(await ask(room_token("access", SECRET))).status_code for _ in range(5)]
        metrics = (await client.get("/slowed/metrics")).text

    assert statuses == [200, 200, 429]
    assert french.json()["code"] == "too_many_requests"
    assert 0 < int(french.headers["retry-after"]) <= 1000
    assert french.json()["detail"].startswith("Trop de requêtes")
    assert english.json()["detail"].startswith("Too many requests")
    assert of_another.status_code == 200
    assert of_rooms == [200] * 5
    assert 'chartrier_rate_limited_total{room="slowed"} 3.0' in metrics


def test_who_asks_too_often_is_named_once_a_minute_and_an_address_never(caplog: pytest.LogCaptureFixture) -> None:
    turnstile = Turnstile("ingest", Rate(0.001, 1))
    for asker in ("client:1", "client:1", "client:1", "203.0.113.7", "203.0.113.7"):
        with contextlib.suppress(Problem):
            turnstile.admit(asker)

    assert [vars(record)["asker"] for record in caplog.records] == ["client:1", "an address"]
