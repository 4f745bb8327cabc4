"""``rebuild`` as an operator gives it: what it refuses, what it says, how it ends."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import services
from bench.kept_sites import KeptSite
from services.__main__ import main
from services.local.settings import as_if_told, room_environment
from shared.object_store.filesystem_site import FilesystemSite
from shared.rooms import ROOMS
from tests.servers import Databases

pytestmark = pytest.mark.integration

Give = Callable[..., tuple[int, Any]]


@pytest.fixture
def site(kept: KeptSite, tmp_path: Path) -> Path:
    for name in ("site-a", "site-b"):
        asyncio.run(FilesystemSite(tmp_path / name).prepare())
        kept.write_to(tmp_path / name)
    return tmp_path / "site-a"


@pytest.fixture
def told(databases: Databases, site: Path) -> dict[str, str]:
    sites = [
        {"name": name, "kind": "filesystem", "place": place, "path": str(site.with_name(f"site-{name}"))}
        for name, place in (("a", "Rennes"), ("b", "Brest"))
    ]
    return {
        "CHARTRIER_DATABASE_URLS": json.dumps({room: databases.url(room) for room in ROOMS}),
        "CHARTRIER_STAGING_URL": (site.parent / "staging").as_uri(),
        "CHARTRIER_SITES": json.dumps(sites),
    }


@pytest.fixture
def give(told: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Give:
    def command(*words: str, **changed: str) -> tuple[int, Any]:
        with as_if_told({**told, **changed}):
            status = main(["rebuild", *words])
        said = capsys.readouterr()
        return status, json.loads(said.out) if "--json" in words else said.out + said.err

    return command


def test_it_says_what_came_back_and_that_all_is_well(give: Give) -> None:
    status, text = give("--from-site", "a")

    assert status == 0
    assert "3006 units" in text
    assert "The rooms may be started" in text
    assert "All is as it must be." in text


def test_findings_are_named_and_make_it_fail(give: Give, site: Path) -> None:
    gone = min(site.rglob("*.tar"))
    gone.unlink()

    status, found = give("--from-site", "a", "--json")

    assert status == 1
    assert [(one["code"], one["place"]) for one in found["findings"]] == [
        ("object_missing", gone.relative_to(site).as_posix())
    ]
    assert found["heads"]["writes.platform"]["number"] > 0


def test_with_a_fault_in_the_journals_no_room_is_to_be_started(give: Give, site: Path) -> None:
    min((site / "platform" / "journals" / "writes").iterdir()).unlink()

    status, text = give("--from-site", "a")

    assert status == 1
    assert "The rooms may be started" not in text
    assert "before any room is started" in text


def test_a_site_that_holds_nothing_is_a_finding(give: Give, kept: KeptSite, site: Path) -> None:
    for area in {key.partition("/")[0] for key in kept.objects}:
        shutil.rmtree(site.with_name("site-b") / area)

    status, found = give("--from-site", "b", "--json")

    assert (status, found["faults"]) == (1, {"nothing_there": 1})


def test_a_site_that_does_not_answer_is_told_apart(give: Give, site: Path) -> None:
    shutil.rmtree(site)

    status, said = give("--from-site", "a", "--json")

    assert status == 69
    assert "run it again" in said["error"]


def test_a_site_that_is_not_declared_is_refused(give: Give) -> None:
    status, said = give("--from-site", "c", "--json")

    assert (status, said["error"]) == (1, "No such site: c. Declared: a, b.")


def test_a_scratch_folder_that_is_not_there_is_refused(give: Give, tmp_path: Path) -> None:
    status, said = give("--from-site", "a", "--scratch", str(tmp_path / "none"), "--json")

    assert (status, "No such folder" in said["error"]) == (1, True)


def test_all_rooms_must_be_known(give: Give, databases: Databases) -> None:
    only = json.dumps({room: databases.url(room) for room in ROOMS if room != "proof"})

    status, said = give("--from-site", "a", "--json", CHARTRIER_DATABASE_URLS=only)

    assert status == 1
    assert "may not for proof" in said["error"]


def test_no_room_may_run_before_journals_and_records_are_back(give: Give, databases: Databases, site: Path) -> None:
    async def beside_a_room() -> tuple[int, Any]:
        room = databases.room("access")
        async with room.reading():
            given = await asyncio.to_thread(give, "--from-site", "a", "--json")
        await room.engine.dispose()
        return given

    status, said = asyncio.run(beside_a_room())
    assert (status, "stop access first" in said["error"]) == (1, True)

    assert give("--from-site", "a", "--json")[0] == 0
    assert asyncio.run(beside_a_room())[0] == 0

    # A back-up from before the last container: what a room tells now would take the place of its lines.
    last = max((site / "platform" / "journals" / "writes").iterdir())
    key = last.relative_to(site).as_posix()
    of_it = "WHERE holding IN (SELECT id FROM storage.holding WHERE key = $1)"
    asyncio.run(databases.as_superuser(f"DELETE FROM storage.copy {of_it}", key))  # noqa: S608 (ours)
    asyncio.run(databases.as_superuser("DELETE FROM storage.holding WHERE key = $1", key))
    status, said = asyncio.run(beside_a_room())
    assert (status, last.name in said["error"]) == (1, True)


def test_killed_as_a_process_it_goes_on(give: Give, told: dict[str, str], tmp_path: Path) -> None:
    told = {**room_environment(), **told, "PYTHONPATH": str(Path(services.__file__).parents[1])}
    line = (sys.executable, "-m", "services", "rebuild", "--from-site", "a")
    killed = subprocess.run(
        line,
        env={**told, "CHARTRIER_FAULT_AT": "rebuild.catalogue.loaded"},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL

    status, found = give("--from-site", "a", "--json")

    assert (status, found["findings"]) == (0, [])
    assert found["counts"]["AIPs"] == 4
