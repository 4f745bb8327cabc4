"""What a room asks before it calls itself ready: also what it only needs for some of its work."""

import json
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from services.ingest.settings import IngestSettings
from services.ingest.wiring import build as build_ingest
from services.storage.settings import StorageSettings
from services.storage.wiring import build as build_storage
from shared.messaging.local import LocalTransport
from shared.object_store.filesystem import FilesystemStore
from shared.room import Room
from shared.settings import RoomSettings
from tests.builders.callers import BASE, SECRET

# Nobody listens there: the database is not what is asked here.
SETTINGS = RoomSettings(
    database_url=SecretStr("postgresql+asyncpg://nobody@127.0.0.1:1/nothing"), internal_secret=SecretStr(SECRET)
)


async def checks(room: Room) -> dict[str, str]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(room.app), base_url=BASE) as http:
        answer = await http.get(f"/{room.name}/health/ready")
    found: dict[str, str] = answer.json()["checks"]
    return found


async def close(room: Room) -> None:
    for end in room.close:
        await end()
    await room.foundation.calls.close()
    await room.foundation.database.engine.dispose()


async def made(*folders: Path) -> None:
    for folder in folders:
        store = FilesystemStore(folder)
        await store.prepare()
        await store.close()


async def test_storage_is_not_ready_without_the_place_its_aips_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging = tmp_path / "staging"
    sites = [{"name": name, "kind": "filesystem", "place": name, "path": str(tmp_path / name)} for name in "ab"]
    monkeypatch.setenv("CHARTRIER_STAGING_URL", staging.as_uri())
    monkeypatch.setenv("CHARTRIER_SITES", json.dumps(sites))
    room = build_storage(SETTINGS, StorageSettings(), LocalTransport())
    # No database tells which hold copies: none would be made.
    await made(tmp_path / "a", tmp_path / "b")

    without = await checks(room)
    # As ingest does when it starts.
    await made(staging)
    found = await checks(room)
    await close(room)

    assert (without["staging"], without["a_site"]) == ("StoreUnavailable", "ok")
    assert found["staging"] == "ok"


@pytest.mark.parametrize(("clamd", "said"), [(None, None), ("nowhere.sock", "ScannerUnavailable")])
async def test_ingest_is_not_ready_without_the_antivirus_it_was_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clamd: str | None, said: str | None
) -> None:
    monkeypatch.setenv("CHARTRIER_STAGING_URL", (tmp_path / "staging").as_uri())
    if clamd is not None:
        monkeypatch.setenv("CHARTRIER_CLAMD", str(tmp_path / clamd))
    room = build_ingest(SETTINGS, IngestSettings(), LocalTransport())

    found = await checks(room)
    await close(room)

    assert found.get("antivirus") == said
    assert found["staging"] == "ok"
