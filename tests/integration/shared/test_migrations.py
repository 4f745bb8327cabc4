"""Schemas are made by their owner, once, however often they are asked for; rooms may use them and no more."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from services.local.postgres import Postgres
from shared.database import migrations
from shared.database.migrations import upgrade, upgrade_all
from shared.rooms import ROOMS
from tests.servers import Databases, fresh

pytestmark = pytest.mark.integration

_SHAPE = """
    SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = ANY($1) ORDER BY 1, 2, 3"""
_GRANTS = """
    SELECT table_schema, table_name, grantee, privilege_type FROM information_schema.role_table_grants
    WHERE grantee LIKE 'chartrier_%' AND grantee <> 'chartrier_owner' ORDER BY 1, 2, 3, 4"""


def shape(databases: Databases) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    columns = asyncio.run(databases.as_superuser(_SHAPE, list(ROOMS)))
    grants = asyncio.run(databases.as_superuser(_GRANTS))
    return [tuple(row) for row in columns], [tuple(row) for row in grants]


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ROOMS)


def test_an_upgrade_of_what_is_up_to_date_changes_nothing(databases: Databases) -> None:
    before = shape(databases)
    assert before[0]
    assert before[1]

    upgrade_all(databases.owner_url)
    for room in ROOMS:
        upgrade(databases.owner_url, room)

    assert shape(databases) == before


def test_an_upgrade_keeps_what_is_there(databases: Databases) -> None:
    insert = "INSERT INTO storage.journal_head (sender, batch, sha512) VALUES ('storage', 7, 'x')"
    asyncio.run(databases.as_superuser(insert))

    upgrade_all(databases.owner_url)

    (row,) = asyncio.run(databases.as_superuser("SELECT batch FROM storage.journal_head"))
    assert row["batch"] == 7


async def as_room(databases: Databases, room: str, statement: str) -> None:
    url = make_url(databases.url(room)).set(drivername="postgresql")
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE {room}.mine (id integer)",
        "ALTER TABLE {room}.outbox ADD COLUMN mine text",
        "DROP TABLE {room}.inbox",
        "TRUNCATE {room}.work",
        "DELETE FROM {room}.alembic_version",
        "CREATE TABLE public.mine (id integer)",
        "SELECT 1 FROM {other}.outbox",
        "CREATE SCHEMA mine",
        "SET ROLE chartrier_owner",
    ],
)
def test_a_rooms_role_changes_no_table_and_sees_no_other_room(
    databases: Databases, room: str, statement: str
) -> None:
    other = ROOMS[ROOMS.index(room) - 1]

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        asyncio.run(as_room(databases, room, statement.format(room=room, other=other)))


@pytest.mark.parametrize("room", ROOMS)
def test_a_rooms_role_reads_and_writes_its_own_plumbing(databases: Databases, room: str) -> None:
    for table in ("outbox", "inbox", "work", "dead_letter", "journal_head"):
        asyncio.run(as_room(databases, room, f"DELETE FROM {room}.{table} WHERE false"))  # noqa: S608


def test_an_upgrade_that_would_wait_for_a_lock_gives_up(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "100ms")

    async def locked_out() -> None:
        url = make_url(databases.superuser_url).set(drivername="postgresql")
        holder = await asyncpg.connect(url.render_as_string(hide_password=False))
        try:
            async with holder.transaction():
                await holder.execute("LOCK TABLE proof.alembic_version IN ACCESS EXCLUSIVE MODE")
                await asyncio.to_thread(upgrade, databases.owner_url, "proof")
        finally:
            await holder.close()

    with pytest.raises(DBAPIError, match="lock timeout"):
        asyncio.run(locked_out())
