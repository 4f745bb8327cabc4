"""What is beyond the requests in hand is refused at once; probes and metrics never are."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest
from fastapi import APIRouter

from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.limits import Limits
from shared.messaging import gathering
from shared.messaging.gathering import Gatherer, TooManyWait
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_verifier

router = APIRouter(dependencies=[requires(Permission.PUBLIC)])
go_on = asyncio.Event()
in_hand = asyncio.Semaphore(0)


@router.get("/laden/v1/slow")
async def slow() -> str:
    in_hand.release()
    await go_on.wait()
    return "done"


async def nothing() -> None: ...


async def test_one_request_too_many_is_refused_at_once_and_those_in_hand_go_on() -> None:
    app = room_app("laden", router, a_verifier(), Readiness("laden"), nothing, Limits(in_hand=2))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
        held = [asyncio.create_task(http.get("/laden/v1/slow")) for _ in range(2)]
        for _ in held:
            await in_hand.acquire()
        refused = await http.get("/laden/v1/slow", headers={"Accept-Language": "en"})
        ready, metrics = await http.get("/laden/health/ready"), await http.get("/laden/metrics")
        go_on.set()
        answers = await asyncio.gather(*held)
        again = await http.get("/laden/v1/slow")

    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "overloaded", "1")
    assert refused.json()["detail"].startswith("Too many requests are in hand")
    assert refused.headers["x-request-id"]
    assert (ready.status_code, metrics.status_code) == (200, 200)
    assert 'chartrier_http_in_hand{room="laden"} 2.0' in metrics.text
    assert 'chartrier_overloaded_total{room="laden"} 1.0' in metrics.text
    assert [answer.status_code for answer in (*answers, again)] == [200] * 3


async def test_what_only_begins_like_the_metrics_is_refused_too_and_only_once_its_body_is_in() -> None:
    app = room_app("laden", router, a_verifier(), Readiness("laden"), nothing, Limits(in_hand=0))
    sent = []

    async def body() -> AsyncIterator[bytes]:
        for number in range(3):
            sent.append(number)
            yield b"bytes"

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
        almost = await http.get("/laden/metricsX")
        metrics, live = await http.get("/laden/metrics"), await http.get("/laden/health/live")
        upload = await http.post("/laden/v1/slow", content=body())

    assert [answer.status_code for answer in (almost, upload, metrics, live)] == [503, 503, 200, 200]
    assert sent == [0, 1, 2]


async def test_no_more_wait_for_a_round_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_WAITING", 3)
    opened = asyncio.Event()

    async def do(items: Sequence[int]) -> Sequence[int]:
        await opened.wait()
        return items

    gatherer: Gatherer[int, int] = Gatherer(do, most=1)
    asked = [asyncio.create_task(gatherer.add(number)) for number in range(5)]
    done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)

    # The round begins once all have asked, so that three wait for it, and the others are too many.
    assert {type(task.exception()) for task in done} == {TooManyWait}
    opened.set()
    assert await asyncio.gather(*(task for task in asked if task not in done)) == [0, 1, 2]
    assert await gatherer.add(6) == 6
