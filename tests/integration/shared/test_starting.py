"""Starts, stops and migrations are lines: what ran when, on which tables, under which settings (GOV-06)."""

import asyncio
from collections.abc import Sequence
from importlib import metadata
from uuid import uuid4

import pytest
from alembic.script import ScriptDirectory
from pydantic import SecretStr

from services.data_management.settings import DataManagementSettings
from services.data_management.wiring import build
from services.local.postgres import Postgres
from services.local.postgres_roles import provision
from services.migrating import migrate
from shared.configuration import digest_of
from shared.database import migrations
from shared.database.migrations import expected_head, upgrade, upgrade_all
from shared.messages.journal import JournalLinesV1, JournalLineV1
from shared.messaging.delivery import Delivery
from shared.messaging.local import LocalTransport
from shared.room import Room, running
from shared.rooms import ROOMS
from shared.settings import RoomSettings
from tests.builders.callers import BASE, SECRET
from tests.builders.told import lines_of
from tests.servers import Databases, fresh

pytestmark = pytest.mark.integration

ROOM = "data_management"


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, (ROOM,))


def settings_of(databases: Databases, secret: str = SECRET) -> RoomSettings:
    return RoomSettings(database_url=SecretStr(databases.url(ROOM)), internal_secret=SecretStr(secret), base_url=BASE)


def a_room(databases: Databases, own: DataManagementSettings, secret: str = SECRET) -> Room:
    return build(settings_of(databases, secret), own, LocalTransport()).made_with(own).playing("api")


async def lived(room: Room) -> list[JournalLineV1]:
    """Start a room, wait for its line, stop it, and return what it told."""
    told: list[JournalLineV1] = []
    heard = asyncio.Event()

    def hear(deliveries: Sequence[Delivery]) -> None:
        batches = (JournalLinesV1.model_validate_json(one.body) for one in deliveries)
        told.extend(line for batch in batches for line in batch.lines)
        heard.set()

    room.foundation.database.when_posted(hear)
    async with asyncio.timeout(30), running(room) as opening:
        await opening
        await heard.wait()
    return told


async def test_a_start_and_a_stop_are_two_lines_of_one_run(databases: Databases) -> None:
    own = DataManagementSettings()
    room = a_room(databases, own)

    started, stopped = await lived(room)

    assert (started.action, started.actor, started.object) == ("room.started", f"room:{ROOM}", f"room:{ROOM}")
    assert started.details == {
        "run": str(room.run),
        "role": "api",
        "version": metadata.version("chartrier"),
        "tables": expected_head(ROOM),
        "settings_sha512": digest_of(room.foundation.settings, own),
    }
    assert (stopped.action, stopped.details) == ("room.stopped", {"run": str(room.run)})


async def test_another_setting_is_another_digest_and_a_secret_is_in_none(databases: Databases) -> None:
    digests = [
        (await lived(room))[0].details["settings_sha512"]
        for room in (
            a_room(databases, DataManagementSettings()),
            a_room(databases, DataManagementSettings(catalogue_slots=7)),
            a_room(databases, DataManagementSettings(), "another secret of the rooms " + "x" * 32),
        )
    ]

    assert digests[0] != digests[1]
    assert digests[0] == digests[2]


def test_a_migration_of_tables_that_were_there_is_a_line(postgres_server: Postgres) -> None:
    older = Databases(postgres_server, f"test_{uuid4().hex[:12]}")
    asyncio.run(provision(postgres_server.superuser_url, older.name))
    upgrade_all(older.owner_url)
    scripts = ScriptDirectory.from_config(migrations._config("access"))  # noqa: SLF001 (no other way to the one before)
    before = str(scripts.get_revision(expected_head("access")).down_revision)
    asyncio.run(older.as_superuser("DROP SCHEMA access CASCADE"))
    upgrade(older.owner_url, "access", before)

    migrate(older.owner_url)
    migrate(older.owner_url)

    told = {room: asyncio.run(lines_of(older, room)) for room in ROOMS}
    (line,) = told.pop("access")
    assert (line.action, line.actor, line.object) == ("tables.migrated", "operator:migration", "room:access")
    assert line.details == {
        "from": before,
        "to": expected_head("access"),
        "version": metadata.version("chartrier"),
    }
    assert not any(told.values()), "tables that are made, or stay as they are, are no migration"
