"""A broker that is away: an API goes on without, a worker says that it waits, and both are well once it is back."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from services.local.ports import free_ports
from services.proof.settings import ProofSettings
from services.proof.wiring import build
from shared.object_store.filesystem import FilesystemStore
from shared.readiness import Report
from shared.room import Room, running
from shared.settings import RoomSettings
from tests.builders.callers import BASE, SECRET
from tests.builders.relays import Relay
from tests.servers import Databases

pytestmark = pytest.mark.integration

PATIENCE = 60


async def until(room: Room, status: str) -> Report:
    async with asyncio.timeout(PATIENCE):
        while (report := await room.readiness.report()).status != status:
            await asyncio.sleep(0.05)
    return report


@pytest.mark.parametrize(("role", "without"), [("api", "degraded"), ("worker", "unready")])
async def test_a_room_says_since_when_its_broker_is_away_and_notices_its_return(
    databases: Databases, broker: str, tmp_path: Path, role: str, without: str
) -> None:
    there = urlsplit(broker)
    (port,) = free_ports(1)
    relay = Relay(("127.0.0.1", port), ("127.0.0.1", there.port or 5672))
    address = there._replace(netloc=f"{there.username}:{there.password}@127.0.0.1:{port}").geturl()
    settings = RoomSettings(
        database_url=SecretStr(databases.url("proof")),
        broker_url=SecretStr(address),
        internal_secret=SecretStr(SECRET),
        base_url=BASE,
    )
    await FilesystemStore(tmp_path).prepare()
    room = build(settings, ProofSettings(staging_url=tmp_path.as_uri())).playing(role)
    async with running(room):
        away = await until(room, without)
        await relay.open()
        await until(room, "ready")
        await relay.shut()
        again = await until(room, without)
    await relay.shut()

    assert list(away.since) == list(again.since) == ["broker"]
    assert away.since["broker"] < again.since["broker"]
    assert room.readiness.is_open
