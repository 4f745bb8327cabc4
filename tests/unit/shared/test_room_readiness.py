"""When a room is open, ready, degraded or unready, by what it depends on."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from prometheus_client import REGISTRY

from shared import dependencies
from shared.dependencies import API, OK, WORKER, Dependency
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.object_store.errors import StoreMisconfigured, StoreUnavailable
from shared.readiness import Readiness, WrongSetting
from shared.web import room_app
from tests.builders.callers import BASE, a_verifier

PATIENCE = 20
ONLY_WORKER = frozenset({WORKER})

router = APIRouter(prefix="/room/v1")


@router.get("/thing", dependencies=[requires(Permission.PUBLIC)])
async def thing() -> str:
    return "thing"


class Part:
    """Something a room depends on, as a test has it: away, there, or hanging."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked = 0
        self.opened = 0
        self.free = asyncio.Event()
        self.free.set()

    async def ask(self) -> None:
        self.asked += 1
        await self.free.wait()
        if self.error is not None:
            raise self.error

    async def open(self) -> None:
        await self.ask()
        self.opened += 1


async def nothing() -> None: ...


def app_of(readiness: Readiness) -> FastAPI:
    return room_app("room", router, a_verifier(), readiness, nothing)


def asking(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "WATCH_SECONDS", 0.01)
    monkeypatch.setattr(dependencies, "LONGEST_PAUSE_SECONDS", 0.01)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.005)


async def test_a_closed_room_answers_for_its_health_and_asks_everybody_else_to_come_back() -> None:
    part = Part()
    part.error = StoreUnavailable("host 10.0.0.7")
    readiness = Readiness("room", [Dependency("staging", part.ask, open=part.open)])
    async with asking(app_of(readiness)) as http, readiness.watching():
        opening = asyncio.create_task(readiness.opened())
        await until(lambda: part.asked > 2)
        closed, ready = await http.get("/room/v1/thing"), await http.get("/room/health/ready")
        metrics = (await http.get("/room/metrics")).text
        part.error = None
        await asyncio.wait_for(opening, PATIENCE)
        opened, well = await http.get("/room/v1/thing"), await http.get("/room/health/ready")

    assert (closed.status_code, closed.json()["code"], closed.headers["retry-after"]) == (503, "try_again", "5")
    assert (ready.status_code, ready.json()["status"]) == (503, "opening")
    assert ready.json()["checks"] == {"staging": "StoreUnavailable"}
    assert "10.0.0.7" not in ready.text
    assert 'chartrier_dependency_up{dependency="staging",room="room"} 0.0' in metrics
    assert opened.json() == "thing"
    assert (well.status_code, well.json()) == (200, {"status": "ready", "checks": {"staging": OK}, "since": {}})
    assert part.opened == 1


async def test_since_is_the_first_failure_and_ends_with_the_last() -> None:
    part = Part()
    readiness = Readiness("since", [Dependency("database", part.ask)])
    async with readiness.watching():
        await readiness.opened()
        part.error = OSError("away")
        await until(lambda: gauge("since", "up") == 0)
        first = (await readiness.report()).since["database"]
        asked = part.asked
        await until(lambda: part.asked > asked + 2)
        again = (await readiness.report()).since["database"]
        down = gauge("since", "down_seconds")
        part.error = None
        await until(lambda: gauge("since", "up") == 1)
        well = await readiness.report()

    assert first == again
    assert down > 0
    assert (well.status, well.since, gauge("since", "down_seconds")) == ("ready", {}, 0)


def gauge(room: str, name: str) -> float:
    labels = {"room": room, "dependency": "database"}
    return REGISTRY.get_sample_value(f"chartrier_dependency_{name}", labels) or 0.0


@pytest.mark.parametrize(
    ("role", "status", "asked"), [("serve", "degraded", True), (API, "ready", False), (WORKER, "unready", True)]
)
async def test_what_only_a_worker_needs_takes_no_requests_away_from_an_api(
    role: str, status: str, asked: bool
) -> None:
    part = Part()
    part.error = OSError("away")
    readiness = Readiness("room", [Dependency("antivirus", part.ask, used_by=ONLY_WORKER, required_by=ONLY_WORKER)])
    readiness.play(role)

    report = await readiness.report()

    assert report.status == status
    assert (part.asked > 0) is asked


@pytest.mark.parametrize(
    ("away", "status", "group"), [(0, "ready", OK), (1, "degraded", OK), (2, "unready", "OSError")]
)
async def test_of_several_together_one_is_enough(away: int, status: str, group: str) -> None:
    parts = [Part(), Part()]
    for part in parts[:away]:
        part.error = OSError("away")
    sites = [Dependency(f"site:{name}", part.ask, one_of="a_site") for name, part in zip("ab", parts, strict=True)]
    readiness = Readiness("room", sites)

    report = await readiness.report()

    assert (report.status, report.checks["a_site"]) == (status, group)
    assert ("a_site" in report.since) is (away == 2)


async def test_a_room_opens_with_one_of_several_and_opens_the_other_when_it_comes() -> None:
    there, late = Part(), Part()
    late.error = OSError("away")
    sites = [
        Dependency("site:a", there.ask, open=there.open, one_of="a_site"),
        Dependency("site:b", late.ask, open=late.open, one_of="a_site"),
    ]
    readiness = Readiness("room", sites)
    async with readiness.watching():
        await asyncio.wait_for(readiness.opened(), PATIENCE)
        late.error = None
        await until(lambda: late.opened == 1)
        report = await readiness.report()

    assert report.status == "ready"


async def test_what_hangs_has_failed_and_is_asked_once_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "HANGS_SECONDS", 0.05)
    part = Part()
    readiness = Readiness("hanging", [Dependency("database", part.ask)])
    async with readiness.watching():
        await readiness.opened()
        part.free.clear()
        await until(lambda: gauge("hanging", "up") == 0)
        asked = part.asked
        reports = [await readiness.report() for _ in range(20)]
        before = part.asked
        part.free.set()
        await until(lambda: gauge("hanging", "up") == 1)

    assert {report.checks["database"] for report in reports} == {"TimeoutError"}
    assert before == asked


async def test_an_answer_given_before_we_were_asked_does_not_count() -> None:
    part = Part()
    readiness = Readiness("room", [Dependency("staging", part.ask)])
    part.free.clear()
    first = asyncio.create_task(readiness.report())
    await until(lambda: part.asked == 1)
    # The question under way has looked already, and the second asker came after that.
    second = asyncio.create_task(readiness.report())
    await asyncio.sleep(0)
    part.free.set()
    await asyncio.gather(first, second)

    assert part.asked == 2


async def test_what_is_there_but_not_as_declared_names_the_setting() -> None:
    part, well = Part(), Part()
    part.error = StoreMisconfigured("bucket archive has no Object Lock")
    readiness = Readiness(
        "room",
        [
            Dependency("site:b", part.ask, open=part.open, one_of="a_site", setting="CHARTRIER_SITES (site b)"),
            Dependency("site:a", well.ask, open=well.open, one_of="a_site"),
        ],
    )
    async with readiness.watching():
        with pytest.raises(WrongSetting, match=r"^CHARTRIER_SITES \(site b\): bucket archive has no Object Lock$"):
            await asyncio.wait_for(readiness.opened(), PATIENCE)


async def test_a_bucket_that_changes_under_an_open_room_only_makes_it_unready() -> None:
    part = Part()
    readiness = Readiness("room", [Dependency("staging", part.ask, open=part.open)])
    async with readiness.watching():
        await asyncio.wait_for(readiness.opened(), PATIENCE)
        part.error = StoreMisconfigured("bucket archive keeps no versions")
        report = await readiness.report()

    assert (report.status, report.checks["staging"]) == ("unready", "StoreMisconfigured")
    assert readiness.is_open
