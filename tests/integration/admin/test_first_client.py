"""The first start leaves one client in one file; no crash locks the operator out."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.admin.bootstrap import FILE, first_client
from services.admin.queries import clients
from services.local.postgres import Postgres
from shared.identity.caller import Scope
from tests.builders.callers import BASE
from tests.integration.admin.house import House, open_house
from tests.servers import Databases, fresh

pytestmark = pytest.mark.integration


@pytest.fixture
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("admin",))


@pytest.fixture
async def house(databases: Databases) -> AsyncIterator[House]:
    opened = await open_house(databases)
    yield opened
    await opened.close()


def credentials(home: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((home / FILE).read_text())
    return {name: facts[name] for name in ("client_id", "client_secret")}


async def start(house: House, home: Path, *, full: bool = True) -> None:
    await first_client(house.database, home, BASE, full=full)


async def known_clients(house: House) -> int:
    async with house.database.engine.connect() as connection:
        return len(await clients.page(connection, Scope(None), None, 100))


async def test_the_file_is_for_its_owner_alone_and_opens_the_archive(house: House, tmp_path: Path) -> None:
    await start(house, tmp_path / "home")

    file = tmp_path / "home" / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["base_url"] == BASE
    assert (await house.ask_token(credentials(file.parent))).status_code == 200
    assert [path.name for path in file.parent.iterdir()] == [FILE]


async def test_in_an_archive_made_again_its_organisation_is_there_already(
    house: House, databases: Databases, tmp_path: Path
) -> None:
    await start(house, tmp_path / "before")
    await databases.as_superuser("TRUNCATE admin.client CASCADE")

    await start(house, tmp_path / "after")

    assert (await house.ask_token(credentials(tmp_path / "after"))).status_code == 200
    (found,) = await databases.as_superuser("SELECT count(*) AS many FROM admin.organisation")
    assert found["many"] == 1


@pytest.mark.parametrize(("full", "status"), [(True, 200), (False, 403)])
async def test_it_may_try_everything_only_where_the_settings_say_so(
    house: House, tmp_path: Path, full: bool, status: int
) -> None:
    await start(house, tmp_path, full=full)
    token = (await house.ask_token(credentials(tmp_path))).json()["access_token"]

    shown = (await house.caller(token).get("/admin/v1/clients")).json()["items"][0]

    assert ("depositor" in shown["mandates"][0]["roles"]) == (status == 200)
    assert {"administrator", "archivist", "security_officer"} <= set(shown["mandates"][0]["roles"])
    assert shown["mandates"][0]["establishments"] == "*"


async def test_a_second_start_changes_nothing(house: House, tmp_path: Path) -> None:
    await start(house, tmp_path)
    before = credentials(tmp_path)

    await start(house, tmp_path)

    assert credentials(tmp_path) == before
    assert await known_clients(house) == 1


async def test_processes_that_start_together_make_one_client_and_its_file_is_right(
    house: House, tmp_path: Path
) -> None:
    await asyncio.gather(*(start(house, tmp_path) for _ in range(4)))

    assert await known_clients(house) == 1
    assert (await house.ask_token(credentials(tmp_path))).status_code == 200


async def test_a_crash_before_the_file_was_in_place_is_mended_at_the_next_start(house: House, tmp_path: Path) -> None:
    # What such a crash leaves: the client is committed, its secret lies in the temporary file at most.
    await start(house, tmp_path)
    (tmp_path / FILE).rename(tmp_path / f"{FILE}.new")

    await start(house, tmp_path)

    assert await known_clients(house) == 1
    assert (await house.ask_token(credentials(tmp_path))).status_code == 200
    assert not (tmp_path / f"{FILE}.new").exists()


async def test_a_home_that_cannot_be_written_makes_no_client(house: House, tmp_path: Path) -> None:
    occupied = tmp_path / "home"
    occupied.write_text("a file where the folder should be")

    with pytest.raises(OSError, match="home"):
        await start(house, occupied)

    assert await known_clients(house) == 0


async def test_a_file_taken_away_after_its_use_is_not_written_again(house: House, tmp_path: Path) -> None:
    await start(house, tmp_path)
    kept = credentials(tmp_path)
    await house.ask_token(kept)
    (tmp_path / FILE).unlink()

    await start(house, tmp_path)

    assert not (tmp_path / FILE).exists()
    assert (await house.ask_token(kept)).status_code == 200


async def test_an_installation_with_clients_of_its_own_gets_no_other(house: House, tmp_path: Path) -> None:
    await house.credentials(("*", ["administrator"]))

    await start(house, tmp_path)

    assert not (tmp_path / FILE).exists()
    assert await known_clients(house) == 1
