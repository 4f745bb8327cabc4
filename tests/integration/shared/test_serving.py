"""A room as a process of its own: started by name and role, ready when its parts are, closed when told."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import services
from services.local.ports import free_ports
from services.local.postgres import Postgres
from shared.object_store.filesystem import FilesystemStore
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

    def until_it_is(self, *statuses: str) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                body: dict[str, Any] = httpx.get(f"{self.url}/health/ready", timeout=5).json()
                if body["status"] in statuses:
                    return body
            time.sleep(0.02)
        pytest.fail(f"{self.room} did not become {statuses}: {self.log.read_text()[-2000:]}")

    def told(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("proof", "ingest"))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    port, nobody = free_ports(2)
    asyncio.run(FilesystemStore(tmp_path / "staging").prepare())
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

    ready = served.until_it_is("degraded")
    code = served.told(signal.SIGTERM)

    # What it takes in waits in its outbox: it need not be taken out of service.
    assert [name for name, state in ready["checks"].items() if state != "ok"] == ["broker"]
    assert list(ready["since"]) == ["broker"]
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
    api.until_it_is("degraded")
    api.told(signal.SIGTERM)
    assert work(databases) == [0]

    worker = start("ingest", "worker")
    # Nothing reaches it until its broker is back; what is in its database it does all the same.
    worker.until_it_is("unready")
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and work(databases):
        time.sleep(0.02)

    assert work(databases) == []
    assert worker.told(signal.SIGTERM) == 0


def work(databases: Databases) -> list[int]:
    """Return how often each piece of ingest's work was taken."""
    return [row["epoch"] for row in asyncio.run(databases.as_superuser("SELECT epoch FROM ingest.work"))]


def refusal(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Start what must not start, and return how it ended."""
    command = (sys.executable, "-m", *arguments)
    return subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def test_a_role_that_does_not_exist_is_told_those_that_do(environment: dict[str, str]) -> None:
    answer = refusal(environment, "services.proof", "dance")

    assert answer.returncode == 2
    assert "choose from serve, api, worker" in answer.stderr.replace("'", "")


HUSH = "hush-5f0c"

WRONG = {
    "CHARTRIER_DATABASE_URL": f"postgres://x:{HUSH}@db/x",
    "CHARTRIER_BROKER_URL": "local",
    "CHARTRIER_INTERNAL_SECRET": HUSH,
    "CHARTRIER_ROOM_URLS": f'{{"storag": "http://{HUSH}"',
    "CHARTRIER_PORT": f"70{HUSH}",
    "CHARTRIER_STAGING_URL": f"s3://key:{HUSH}?x@host/bucket",
    "CHARTRIER_SITES": json.dumps([{"name": "a", "kind": "s3", "place": "x", "secret_key": HUSH}]),
    "CHARTRIER_STORAGE_SLOTS": "0",
    "CHARTRIER_RETENTION_DASY": "1",
}


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        (("services.storage", "worker"), WRONG.keys()),
        (("services.admin", "create-client", "--role", "reader"), ["CHARTRIER_DATABASE_URL", "CHARTRIER_ROOM_URLS"]),
        (("services", "migrate"), ["CHARTRIER_OWNER_DATABASE_URL"]),
        (("services", "all-in-one"), ["CHARTRIER_PORT", "CHARTRIER_SITES", "CHARTRIER_STAGING_URL"]),
        (("services.local", "status"), ["CHARTRIER_PORT"]),
    ],
)
def test_wrong_settings_are_all_named_and_end_the_process_with_78(
    tmp_path: Path, arguments: tuple[str, ...], read: Iterable[str]
) -> None:
    told = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "CHARTRIER_HOME": str(tmp_path), **WRONG}

    answer = refusal(told, *arguments)

    assert answer.returncode == 78, answer.stderr
    named = {re.split(r"[\[:.]", line)[0] for line in answer.stderr.splitlines()}
    assert named >= set(read)
    assert all(line.startswith("CHARTRIER_") for line in answer.stderr.splitlines())
    assert HUSH not in answer.stderr + answer.stdout
    assert list(tmp_path.iterdir()) == []
