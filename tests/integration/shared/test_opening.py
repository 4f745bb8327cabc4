"""A room without its database or store: alive, not ready, saying which and since when; it comes up by itself."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

import services
from services.ingest.settings import IngestSettings
from services.ingest.wiring import build as build_ingest
from services.local import seaweedfs
from services.local.ports import free_ports
from services.storage.settings import StorageSettings
from services.storage.wiring import build as build_storage
from shared.clock import now
from shared.configuration import WRONG_SETTINGS
from shared.messaging.local import LocalTransport
from shared.room import Room, running
from shared.serving import told
from shared.settings import RoomSettings
from shared.stopping import StopRequest
from tests.builders.callers import BASE, SECRET
from tests.builders.relays import Relay
from tests.servers import Databases

pytestmark = pytest.mark.integration

ROOT = Path(services.__file__).parents[1]
PATIENCE = 60


class Watcher:
    """Asks a room how it is, until it is as a test waits for."""

    def __init__(self, http: httpx.AsyncClient, room: str) -> None:
        self.http = http
        self._place = f"/{room}/health/ready"

    async def until(self, status: str, *away: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self.http.get(self._place)
                body: dict[str, Any] = answer.json()
                if (body["status"], set(body["since"])) == (status, set(away)):
                    break
                await asyncio.sleep(0.05)
        assert answer.status_code == (200 if status in ("ready", "degraded") else 503)
        return body


@asynccontextmanager
async def watching(room: Room, stop: StopRequest | None = None) -> AsyncIterator[Watcher]:
    transport = httpx.ASGITransport(room.app)
    async with running(room, stop=stop), httpx.AsyncClient(transport=transport, base_url=BASE) as http:
        yield Watcher(http, room.name)


def to_database(databases: Databases, folder: Path) -> tuple[Relay, str]:
    """A way to the database of this run, and ingest's address by that way."""
    here = folder / ".s.PGSQL.5432"
    url = make_url(databases.url("ingest"))
    there = Path(str(url.query["host"])) / f".s.PGSQL.{url.query['port']}"
    address = url.set(query={"host": str(folder), "port": "5432"})
    return Relay(here, there), address.render_as_string(hide_password=False)


def to_store(site: seaweedfs.Site) -> tuple[Relay, str]:
    """A way to the store of this run, and the endpoint by that way."""
    (port,) = free_ports(1)
    host, _, behind = site.endpoint.partition(":")
    return Relay(("127.0.0.1", port), (host, int(behind))), f"127.0.0.1:{port}"


async def test_a_room_comes_up_by_itself_once_what_it_needs_is_there(
    databases: Databases, seaweed: seaweedfs.Site, tmp_path: Path
) -> None:
    database, url = to_database(databases, tmp_path)
    store, endpoint = to_store(seaweed)
    keys = f"{quote(seaweed.root.access_key, safe='')}:{quote(seaweed.root.secret_key, safe='')}"
    own = IngestSettings(staging_url=f"s3+http://{keys}@{endpoint}/staging-{time.time_ns()}")
    settings = RoomSettings(database_url=SecretStr(url), internal_secret=SecretStr(SECRET), base_url=BASE)
    before = now()
    async with watching(build_ingest(settings, own, LocalTransport())) as room:
        nothing = await room.until("opening", "database", "staging")
        live = await room.http.get("/ingest/health/live")
        refused = await room.http.get("/ingest/v1/transfers/x")
        await database.open()
        half = await room.until("opening", "staging")
        await store.open()
        await room.until("ready")
        guarded = await room.http.get("/ingest/v1/transfers/x")
        await database.shut()
        lost = await room.until("unready", "database")
        await database.open()
        await room.until("ready")
    await store.shut()
    await database.shut()

    assert live.json() == {"status": "live"}
    assert (refused.status_code, refused.json()["code"], "retry-after" in refused.headers) == (503, "try_again", True)
    assert guarded.status_code == 401
    since = [datetime.fromisoformat(body["since"][name]) for body, name in moments(nothing, half, lost)]
    # Each moment is the first failure of its outage, and told again as it was.
    assert before <= since[0] <= since[2]
    assert since[1] == datetime.fromisoformat(half["since"]["staging"])
    assert nothing["checks"]["staging"] == "StoreUnavailable"
    assert "127.0.0.1" not in json.dumps([nothing, half, lost])


def moments(*bodies: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    nothing, _, lost = bodies
    return [(nothing, "database"), (nothing, "staging"), (lost, "database")]


SEEN = "UPDATE ingest.alembic_version SET version_num = '{}'"


async def test_tables_that_were_not_migrated_keep_a_room_closed(databases: Databases, tmp_path: Path) -> None:
    (before,) = await databases.as_superuser("SELECT version_num FROM ingest.alembic_version")
    await databases.as_superuser(SEEN.format("0001"))
    own = IngestSettings(staging_url=(tmp_path / "staging").as_uri())
    url = SecretStr(databases.url("ingest"))
    settings = RoomSettings(database_url=url, internal_secret=SecretStr(SECRET), base_url=BASE)
    async with watching(build_ingest(settings, own, LocalTransport())) as room:
        body = await room.until("opening", "database")
        await databases.as_superuser(SEEN.format(before["version_num"]))
        await room.until("ready")

    assert body["checks"]["database"] == "TablesBehind"


async def test_tables_of_a_later_release_open_a_room(databases: Databases, tmp_path: Path) -> None:
    """So that an upgrade can be taken back."""
    (before,) = await databases.as_superuser("SELECT version_num FROM ingest.alembic_version")
    await databases.as_superuser(SEEN.format("9999"))
    own = IngestSettings(staging_url=(tmp_path / "staging").as_uri())
    url = SecretStr(databases.url("ingest"))
    settings = RoomSettings(database_url=url, internal_secret=SecretStr(SECRET), base_url=BASE)
    async with watching(build_ingest(settings, own, LocalTransport())) as room:
        await room.until("ready")
    await databases.as_superuser(SEEN.format(before["version_num"]))


async def test_a_bucket_that_is_not_as_declared_ends_the_process_and_names_the_setting(
    databases: Databases, seaweed: seaweedfs.Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = f"plain-{time.time_ns()}"
    seaweed.client().make_bucket(bucket)
    keys = {"access_key": seaweed.root.access_key, "secret_key": seaweed.root.secret_key}
    site = {"kind": "s3", "endpoint": seaweed.endpoint, "bucket": bucket, "secure": False, "lock_mode": "GOVERNANCE"}
    own = StorageSettings.model_validate(
        {
            "sites": [
                {"name": "a", "kind": "filesystem", "place": "Rennes", "path": str(tmp_path / "a")},
                {"name": "b", "place": "Brest", **site, **keys},
            ],
            "staging_url": (tmp_path / "staging").as_uri(),
        }
    )
    settings = RoomSettings(database_url=SecretStr(databases.url("storage")), internal_secret=SecretStr(SECRET))
    stop = StopRequest()
    async with watching(build_storage(settings, own, LocalTransport()), stop), asyncio.timeout(PATIENCE):
        while not stop.asked():
            await asyncio.sleep(0.02)

    assert told(stop) == WRONG_SETTINGS
    assert capsys.readouterr().err == f"CHARTRIER_SITES (site b): bucket {bucket} has no Object Lock\n"


async def test_told_to_stop_while_everything_hangs_it_stops_at_once(tmp_path: Path) -> None:
    clogged, port = free_ports(2)
    hole = Relay(("127.0.0.1", clogged), ("127.0.0.1", clogged), clogged=True)
    await hole.open()
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "CHARTRIER_INTERNAL_SECRET": SECRET,
        "CHARTRIER_PORT": str(port),
        "CHARTRIER_DATABASE_URL": f"postgresql+asyncpg://chartrier_ingest:x@127.0.0.1:{clogged}/chartrier",
        "CHARTRIER_BROKER_URL": f"amqp://x:x@127.0.0.1:{clogged}/",
        "CHARTRIER_STAGING_URL": f"s3+http://key:secret@127.0.0.1:{clogged}/staging",
    }
    log = tmp_path / "log"
    process = started(environment, log)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/ingest", timeout=20) as http:
            body = await hanging(http, process)
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(process.wait, PATIENCE)
        spent = time.monotonic() - asked
    finally:
        process.kill()
        await hole.shut()

    assert code == 0, log.read_text()
    assert body["checks"] == dict.fromkeys(("database", "broker", "staging"), "TimeoutError")
    # The database and the broker alone would each have kept it for ten seconds.
    assert spent < 8


def started(environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        command = (sys.executable, "-m", "services.ingest", "serve")
        return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=out, stderr=out)


async def hanging(http: httpx.AsyncClient, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return what the room says of itself once it has waited for every answer long enough."""
    body: dict[str, Any] = {"checks": {"": "Unknown"}}
    async with asyncio.timeout(PATIENCE):
        while "Unknown" in body["checks"].values() and process.poll() is None:
            await asyncio.sleep(0.1)
            try:
                body = (await http.get("/health/ready")).json()
            except httpx.TransportError:
                continue
    return body
