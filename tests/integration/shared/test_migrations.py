"""Schemas are made by their owner, once, however often they are asked for; rooms may use them and no more."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import make_url

from services.__main__ import main
from services.local.postgres import Postgres
from services.local.postgres_roles import provision
from shared.database import migrations
from shared.database.migrations import TablesInUse, upgrade, upgrade_all
from shared.rooms import ROOMS
from tests.servers import Databases, fresh

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]

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


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(migrations, "ATTEMPTS", 2)
    monkeypatch.setattr(migrations, "PAUSE_SECONDS", 0.01)


@pytest.fixture(scope="module")
def released(postgres_server: Postgres) -> Databases:
    return first_release(postgres_server, ROOMS)


def first_release(server: Postgres, rooms: tuple[str, ...]) -> Databases:
    """A database as the first release made it."""
    made = Databases(server, f"test_{uuid4().hex[:12]}")
    asyncio.run(provision(server.superuser_url, made.name))
    for room in rooms:
        upgrade(made.owner_url, room, "0001")
    return made


@asynccontextmanager
async def reading_every_table(databases: Databases, room: str) -> AsyncIterator[None]:
    """A report that somebody runs: its transaction has read every table of the room, and does not end."""
    url = make_url(databases.superuser_url).set(drivername="postgresql")
    tables = await databases.as_superuser("SELECT tablename FROM pg_tables WHERE schemaname = $1", room)
    holder = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        async with holder.transaction():
            for table in tables:
                await holder.execute(f"SELECT 1 FROM {room}.{table['tablename']} LIMIT 1")  # noqa: S608 (our names)
            yield
    finally:
        await holder.close()


@pytest.mark.parametrize("room", ROOMS)
def test_a_migration_gives_up_where_a_long_transaction_holds_its_table_and_the_traffic_goes_on(
    released: Databases, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    revision = f"SELECT version_num FROM {room}.alembic_version"  # noqa: S608 (our names)

    async def held() -> None:
        async with reading_every_table(released, room):
            with pytest.raises(TablesInUse, match=f"{room}: a transaction keeps a table"):
                await asyncio.to_thread(upgrade, released.owner_url, room)
            traffic = f"SET statement_timeout = '20s'; DELETE FROM {room}.outbox; DELETE FROM {room}.work"  # noqa: S608
            await as_room(released, room, traffic)

    asyncio.run(held())
    assert [row["version_num"] for row in asyncio.run(released.as_superuser(revision))] == ["0001"]
    upgrade(released.owner_url, room)
    (after,) = asyncio.run(released.as_superuser(revision))
    assert after["version_num"] > "0001"


def test_a_migration_that_crosses_the_traffic_lets_go_and_comes_again(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It changes the outbox, then the work; the traffic takes them the other way round. No request fails for it."""
    databases = first_release(postgres_server, ("proof",))
    monkeypatch.setattr(migrations, "PAUSE_SECONDS", 0.01)
    url = make_url(databases.url("proof")).set(drivername="postgresql")

    async def crossed() -> None:
        traffic = await asyncpg.connect(url.render_as_string(hide_password=False))
        try:
            async with traffic.transaction():
                await traffic.execute("DELETE FROM proof.work")
                upgrading = asyncio.create_task(asyncio.to_thread(upgrade, databases.owner_url, "proof", "0002"))
                while not await databases.as_superuser(WAITING, databases.name):
                    assert not upgrading.done()
                await traffic.execute("DELETE FROM proof.outbox")
            await upgrading
        finally:
            await traffic.close()

    asyncio.run(crossed())
    (row,) = asyncio.run(databases.as_superuser("SELECT version_num FROM proof.alembic_version"))
    assert row["version_num"] == "0002"


def test_the_command_that_migrates_says_so_in_a_sentence(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    impatient(monkeypatch)
    monkeypatch.setenv("CHARTRIER_OWNER_DATABASE_URL", databases.owner_url)

    async def held() -> int:
        url = make_url(databases.superuser_url).set(drivername="postgresql")
        holder = await asyncpg.connect(url.render_as_string(hide_password=False))
        try:
            async with holder.transaction():
                await holder.execute("LOCK TABLE admin.alembic_version IN ACCESS EXCLUSIVE MODE")
                return await asyncio.to_thread(main, ["migrate"])
        finally:
            await holder.close()

    assert asyncio.run(held()) == 1
    [said] = capsys.readouterr().err.splitlines()
    assert said.startswith("admin: a transaction keeps a table")


def test_an_index_on_a_large_table_can_be_made_while_it_is_written_to(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way that CONTRIBUTING names: outside a transaction."""
    versions = tmp_path / "services" / "proof" / "migrations" / "versions"
    versions.parent.mkdir(parents=True)
    shutil.copytree(ROOT / "services" / "proof" / "migrations", versions.parent, dirs_exist_ok=True)
    newest = max(versions.glob("*.py")).name[:4]
    (versions / "9999_index.py").write_text(CONCURRENTLY.format(newest=newest), encoding="utf-8")
    monkeypatch.setattr(migrations, "__file__", str(tmp_path / "shared" / "database" / "migrations.py"))

    url = make_url(databases.url("proof")).set(drivername="postgresql")

    async def while_it_is_written_to() -> None:
        traffic = await asyncpg.connect(url.render_as_string(hide_password=False))
        try:
            async with traffic.transaction():
                await traffic.execute("DELETE FROM proof.outbox")  # it is older: the index waits for it
                upgrading = asyncio.create_task(asyncio.to_thread(upgrade, databases.owner_url, "proof"))
                while not await databases.as_superuser(WAITING, databases.name):
                    assert not upgrading.done()
                other = "SET statement_timeout = '20s'; DELETE FROM proof.outbox"
                await as_room(databases, "proof", other)
            await upgrading
        finally:
            await traffic.close()

    # What an attempt that was cut leaves behind.
    asyncio.run(databases.as_superuser("CREATE INDEX ix_outbox_topic ON proof.outbox (message_id)"))
    half_made = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'proof.ix_outbox_topic'::regclass"
    asyncio.run(databases.as_superuser(half_made))
    asyncio.run(while_it_is_written_to())

    (made,) = asyncio.run(databases.as_superuser(INDEX))
    assert made["indisvalid"]


VERSIONS = sorted((Path(migrations.__file__).parents[2] / "services").glob("*/migrations/versions/*.py"))
WITH_AN_INDEX = [path for path in VERSIONS if "add_index(" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", WITH_AN_INDEX, ids=lambda path: f"{path.parents[2].name}-{path.stem}")
def test_a_migration_that_was_cut_behind_its_index_is_done_again(postgres_server: Postgres, path: Path) -> None:
    """What stands before an index is committed with it; the tables must not stay half way for that."""
    room, revision = path.parents[2].name, path.name[:4]
    databases = fresh(postgres_server, ())
    upgrade(databases.owner_url, room, revision)
    before = shape(databases)

    cut = f"UPDATE {room}.alembic_version SET version_num = $1"  # noqa: S608 (a room of ours)
    asyncio.run(databases.as_superuser(cut, f"{int(revision) - 1:04}"))
    upgrade(databases.owner_url, room, revision)

    assert shape(databases) == before


WAITING = """SELECT 1 FROM pg_stat_activity
    WHERE datname = $1 AND usename = 'chartrier_owner' AND wait_event_type = 'Lock'"""
INDEX = """SELECT indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relname = 'ix_outbox_topic' AND pg_get_indexdef(indexrelid) LIKE '%(topic)'"""

CONCURRENTLY = """
from shared.database.migrations import add_index

revision = "9999"
down_revision = "{newest}"


def upgrade() -> None:
    add_index("ix_outbox_topic", "outbox (topic)")
"""
