"""``copies``: what is damaged is named, and its bytes are put back from a file."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.__main__ import main
from services.local.postgres import Postgres
from services.local.settings import as_if_told
from services.storage.settings import StorageSettings
from services.storage.sites import open_sites
from shared.object_store.filesystem import FilesystemStore
from tests.builders.callers import SECRET
from tests.integration.storage.conftest import two_folders
from tests.integration.storage.depot import Depot
from tests.servers import Databases, fresh

pytestmark = pytest.mark.integration

CONTENT = b"the bytes of an AIP" * 100

Give = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("storage",))


@pytest.fixture
def give(databases: Databases, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Give:
    told = {
        "CHARTRIER_DATABASE_URL": databases.url("storage"),
        "CHARTRIER_INTERNAL_SECRET": SECRET,
        "CHARTRIER_STAGING_URL": (tmp_path / "staging").as_uri(),
        "CHARTRIER_SITES": json.dumps([site.model_dump(exclude_none=True) for site in two_folders(tmp_path)]),
    }

    def command(*words: str) -> tuple[int, Any]:
        with as_if_told(told):
            status = main(["copies", *words])
        said = capsys.readouterr()
        return status, json.loads(said.out) if "--json" in words else said.out + said.err

    return command


async def a_damaged_aip(databases: Databases, folder: Path) -> str:
    declared = two_folders(folder)
    sites, staging = open_sites(declared), FilesystemStore(folder / "staging")
    for store in (staging, *(site.store for site in sites.values())):
        await store.prepare()
    settings = StorageSettings(sites=declared, staging_url=(folder / "staging").as_uri())
    depot = Depot(databases, databases.room("storage"), sites, staging, settings)
    message = await depot.hand_over(CONTENT)
    await depot.work_off()
    await databases.as_superuser("UPDATE storage.holding SET state = 'damaged'")
    await databases.as_superuser("UPDATE storage.copy SET state = 'lost', lost_at = now()")
    for site in sites.values():
        depot.file(site.site.name, (await depot.holding(message.aip_id)).key).unlink()
    for store in (staging, *(site.store for site in sites.values())):
        await store.close()
    await depot.database.engine.dispose()
    return str(message.aip_id)


def test_what_is_damaged_is_named_and_put_back(give: Give, databases: Databases, tmp_path: Path) -> None:
    assert give("damaged") == (0, "Nothing is damaged.\n")
    aip = asyncio.run(a_damaged_aip(databases, tmp_path))
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_bytes(CONTENT)
    wrong.write_bytes(CONTENT[:-1])

    status, named = give("damaged", "--json")
    refused, why = give("restore", aip, "--file", str(wrong))
    done = give("restore", aip, "--file", str(right), "--json")

    assert (status, [one["id"] for one in named["damaged"]]) == (1, [aip])
    assert (refused, "wanted are 1900 with" in why) == (1, True)
    assert done == (0, {"written": ["a", "b"], "missed": {}})
    assert [path.read_bytes() for path in tmp_path.glob("site-*/**/*.tar")] == [CONTENT, CONTENT]
    states = asyncio.run(databases.as_superuser("SELECT state FROM storage.copy"))
    assert [row["state"] for row in states] == ["written", "written"]
