import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from services.local import postgres, postgres_roles, processes
from shared.rooms import ROOMS

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "pg"
    yield place
    postgres.stop(place)
    shutil.rmtree(place, ignore_errors=True)


async def ask(url: str, *questions: str) -> str:
    engine = create_async_engine(url)
    try:
        async with engine.begin() as session:
            answers = [await session.execute(text(question)) for question in questions]
            return str(answers[-1].scalar_one()) if answers[-1].returns_rows else ""
    finally:
        await engine.dispose()


async def started(folder: Path) -> postgres.Postgres:
    return await asyncio.to_thread(postgres.start, folder)


async def test_committed_rows_survive_a_kill_and_the_next_start_recovers_them(folder: Path) -> None:
    server = await started(folder)
    await ask(server.superuser_url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42)")
    postgres.kill(folder)
    assert not postgres.is_running(folder)
    assert (folder / "data" / "postmaster.pid").exists()  # stale: it names a process that is gone
    server = await started(folder)
    assert await ask(server.superuser_url, "SELECT n FROM kept") == "42"


async def test_a_backup_taken_while_it_runs_starts_in_its_place(folder: Path) -> None:
    server = await started(folder)
    await ask(server.superuser_url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42)")
    backup = folder.parent / "backup"
    program = str(postgres.programs() / "pg_basebackup")
    words = (program, "-h", str(server.socket_dir), "-U", "postgres", "-D", str(backup), "--checkpoint=fast")
    copying = await asyncio.create_subprocess_exec(*words)
    assert await copying.wait() == 0
    await ask(server.superuser_url, "DROP TABLE kept")
    await asyncio.to_thread(postgres.stop, folder)
    shutil.rmtree(folder / "data")
    shutil.copytree(backup, folder / "data")
    server = await started(folder)
    assert await ask(server.superuser_url, "SELECT n FROM kept") == "42"


async def test_a_server_left_running_is_used_again(folder: Path) -> None:
    await started(folder)
    first = processes.read_mark(folder / "postgres.pid")
    again = await started(folder)
    assert processes.read_mark(folder / "postgres.pid") == first
    assert await ask(again.superuser_url, "SELECT 1") == "1"


async def test_a_pid_file_that_names_a_stranger_neither_stops_the_start_nor_harms_the_stranger(
    folder: Path,
) -> None:
    await started(folder)
    postgres.kill(folder)
    note = folder / "data" / "postmaster.pid"
    lines = note.read_text().splitlines()
    note.write_text("\n".join(["1", *lines[1:]]) + "\n")
    assert not postgres.is_running(folder)
    server = await started(folder)
    assert await ask(server.superuser_url, "SELECT 1") == "1"


async def test_only_the_owner_of_the_files_can_reach_the_socket_and_no_port_is_open(folder: Path) -> None:
    server = await started(folder)
    assert server.socket_dir.stat().st_mode & 0o777 == 0o700
    assert await ask(server.superuser_url, "SHOW listen_addresses") == ""
    assert await ask(server.superuser_url, "SHOW fsync") == "on"


async def test_a_folder_too_deep_for_a_socket_gets_a_short_private_one(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60) / "pg"
    server = await started(deep)
    try:
        assert len(str(server.socket_dir)) < 92
        assert server.socket_dir.stat().st_mode & 0o777 == 0o700
        assert await ask(server.superuser_url, "SELECT 1") == "1"
        assert (await started(deep)).socket_dir == server.socket_dir
    finally:
        postgres.stop(deep)
        shutil.rmtree(server.socket_dir)


async def test_a_socket_folder_swept_away_is_made_again(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60) / "pg"
    shutil.rmtree((await started(deep)).socket_dir)
    server = await started(deep)
    try:
        assert await ask(server.superuser_url, "SELECT 1") == "1"
    finally:
        postgres.stop(deep)
        shutil.rmtree(server.socket_dir)


async def test_rooms_log_in_as_themselves_and_may_create_nothing(folder: Path) -> None:
    server = await started(folder)
    await postgres_roles.provision(server.superuser_url)
    await postgres_roles.provision(server.superuser_url)
    for room in ROOMS:
        assert await ask(server.url(f"chartrier_{room}"), "SELECT current_user") == f"chartrier_{room}"
    for forbidden in ("CREATE TABLE public.mine (n int)", "CREATE SCHEMA mine"):
        with pytest.raises(DBAPIError, match="permission denied"):
            await ask(server.url("chartrier_ingest"), forbidden)
    assert await ask(server.url("chartrier_owner"), "CREATE SCHEMA ingest", "SELECT 1") == "1"


async def test_french_words_are_split_at_typographic_marks_and_accents_can_be_set_aside(folder: Path) -> None:
    server = await started(folder)
    await postgres_roles.provision(server.superuser_url)
    lexemes = "SELECT to_tsvector('french', 'l’école – ÉCOLES «votée»')"
    assert await ask(server.url("chartrier_access"), lexemes) == "'vot':4 'écol':2,3"
    assert await ask(server.url("chartrier_access"), "SELECT unaccent('Été à Œuilly')") == "Ete a OEuilly"
