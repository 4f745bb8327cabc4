"""A room as a process of its own: started by name and role, ready when its parts are, closed when told."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import services
from services.local.ports import free_ports
from services.local.postgres import Postgres
from tests.builders.callers import SECRET
from tests.servers import Databases, fresh

pytestmark = pytest.mark.integration

ROOT = Path(services.__file__).parents[1]
PATIENCE = 30
Start = Callable[[str, str], "Served"]


class Served:
    """One process of a room."""

    def __init__(self, room: str, role: str, environment: dict[str, str], log: Path) -> None:
        self.room = room
        self.log = log
        self.url = f"http://127.0.0.1:{environment['CHARTRIER_PORT']}/{room}"
        command = (sys.executable, "-m", f"services.{room}", role)
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=out, stderr=out)

    def until_it_answers(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                answer = httpx.get(f"{self.url}/health/ready", timeout=5)
            except httpx.TransportError:
                time.sleep(0.02)
                continue
            body: dict[str, Any] = answer.json()
            return body
        pytest.fail(f"{self.room} did not start: {self.log.read_text()[-2000:]}")

    def told(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("proof", "ingest"))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    port, nobody = free_ports(2)
    return {
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "CHARTRIER_INTERNAL_SECRET": SECRET,
        "CHARTRIER_PORT": str(port),
        "CHARTRIER_BASE_URL": f"http://127.0.0.1:{port}",
        "CHARTRIER_BROKER_URL": f"amqp://nobody:nothing@127.0.0.1:{nobody}/",
        "CHARTRIER_STAGING_URL": (tmp_path / "staging").as_uri(),
    }


@pytest.fixture
def start(databases: Databases, environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    running: list[Served] = []

    def started(room: str, role: str) -> Served:
        told = {**environment, "CHARTRIER_DATABASE_URL": databases.url(room)}
        running.append(Served(room, role, told, tmp_path / f"{room}.log"))
        return running[-1]

    yield started
    for served in running:
        if served.process.poll() is None:
            served.process.kill()
            served.process.wait(PATIENCE)


def test_a_room_opens_before_its_broker_answers_and_closes_in_order_when_told(start: Start) -> None:
    served = start("proof", "serve")

    ready = served.until_it_answers()
    code = served.told(signal.SIGTERM)

    assert ready["status"] == "unready"
    assert [name for name, state in ready["checks"].items() if state != "ok"] == ["broker"]
    log = served.log.read_text()
    assert code == 0, log
    assert [json.loads(line)["message"] for line in log.splitlines() if "room " in line] == [
        "room open",
        "room closed",
    ]
    assert "Traceback" not in log


def test_an_api_leaves_the_long_work_to_a_worker_that_answers_probes(start: Start, databases: Databases) -> None:
    enqueue = "INSERT INTO ingest.work (kind, key, payload) VALUES ('sweep', 'x', '{\"keys\": []}')"
    asyncio.run(databases.as_superuser(enqueue))
    api = start("ingest", "api")
    api.until_it_answers()
    api.told(signal.SIGTERM)
    assert work(databases) == [0]

    worker = start("ingest", "worker")
    worker.until_it_answers()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and work(databases):
        time.sleep(0.02)

    assert work(databases) == []
    assert worker.told(signal.SIGTERM) == 0


def work(databases: Databases) -> list[int]:
    """Return how often each piece of ingest's work was taken."""
    return [row["epoch"] for row in asyncio.run(databases.as_superuser("SELECT epoch FROM ingest.work"))]


def refusal(environment: dict[str, str], role: str) -> str:
    """Return why a room does not start."""
    command = (sys.executable, "-m", "services.proof", role)
    answer = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode != 0
    return answer.stderr


def test_a_role_that_does_not_exist_is_told_those_that_do(environment: dict[str, str]) -> None:
    assert "choose from serve, api, worker" in refusal(environment, "dance").replace("'", "")


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("CHARTRIER_INTERNAL_SECRET", None, "internal_secret"),
        ("CHARTRIER_BROKER_URL", "local", "CHARTRIER_BROKER_URL"),
    ],
)
def test_a_room_without_what_it_needs_names_it_and_does_not_start(
    environment: dict[str, str], setting: str, value: str | None, named: str
) -> None:
    told = {**environment, "CHARTRIER_DATABASE_URL": "postgresql+asyncpg://nobody@127.0.0.1:1/none", setting: value}

    assert named in refusal({name: text for name, text in told.items() if text is not None}, "serve")
