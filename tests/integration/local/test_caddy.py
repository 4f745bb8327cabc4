import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from services.local import caddy, ports, processes
from services.local.rooms import Room

pytestmark = pytest.mark.integration
STAND_IN = str(Path(__file__).parent / "stand_in_room.py")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("door")
    front, ingest, access, absent, opening = ports.free_ports(5)
    rooms = [
        Room(name, port, (sys.executable, STAND_IN, name, str(port)), {}, folder)
        for name, port in {"ingest": ingest, "access": access}.items()
    ]
    for room in rooms:
        room.start()
    rooms.append(Room("opening", opening, (sys.executable, STAND_IN, "opening", str(opening), "opening"), {}, folder))
    rooms[-1].launch()
    doors = {"ingest": [ingest], "access": [access], "proof": [absent], "storage": [access, opening]}
    caddy.start(folder / "caddy", front, doors)
    with httpx.Client(base_url=f"http://127.0.0.1:{front}", timeout=20.0) as client:
        yield client
    mark = processes.read_mark(folder / "caddy" / "caddy.pid")
    caddy.stop(folder / "caddy")
    for room in rooms:
        room.stop()
    assert not processes.is_alive(mark)


def test_each_path_goes_to_its_room_unchanged(door: httpx.Client) -> None:
    assert door.get("/ingest/v1/transfers?agreement=a%2Fb").text == "ingest /ingest/v1/transfers?agreement=a%2Fb"
    assert door.get("/access/v1/units").text == "access /access/v1/units"


def test_a_path_of_no_room_is_a_problem_with_status_404(door: httpx.Client) -> None:
    answer = door.get("/ingester/v1")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "Introuvable."
    english = door.get("/ingester/v1", headers={"Accept-Language": "en-GB, fr;q=0.5"})
    assert (english.json()["detail"], english.headers["content-language"]) == ("Not found.", "en")


def test_a_room_that_is_down_is_a_problem_with_status_503_and_a_time_to_retry(door: httpx.Client) -> None:
    answer = door.get("/proof/v1")
    assert (answer.status_code, answer.json()["code"]) == (503, "try_again")
    assert answer.headers["retry-after"] == "5"


def test_of_several_processes_those_that_are_not_ready_are_not_asked(door: httpx.Client) -> None:
    deadline = time.monotonic() + 20
    while (asked := {door.get("/storage/v1").text for _ in range(6)}) != {"access /storage/v1"}:
        assert time.monotonic() < deadline, asked


def test_an_answer_passes_as_it_comes(door: httpx.Client) -> None:
    with door.stream("GET", "/access/slow") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "first"  # the room has not written the second yet: it waits for us
        door.get("/access/go")
        assert next(lines) == "second"


def test_a_body_of_any_size_passes_without_filling_memory(door: httpx.Client, tmp_path: Path) -> None:
    body = tmp_path / "large"
    with body.open("wb") as large:
        large.truncate(300 << 20)
    with body.open("rb") as large:
        answer = door.post("/ingest/v1/transfers", content=large, headers={"Content-Length": str(300 << 20)})
    assert answer.text == f"{300 << 20} bytes"
    # Other tests' front doors may run beside this one.
    (front,) = (
        process
        for process in psutil.Process().children()
        if process.name() == "caddy"
        and any(
            at.laddr.port == door.base_url.port for at in process.net_connections("tcp4") if at.status == "LISTEN"
        )
    )
    assert front.memory_info().rss < 200 << 20
