"""Sites by command: what they hold and have room for, and whether they are what they must be."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from services.__main__ import main
from services.local import seaweedfs
from services.local.postgres import Postgres
from services.local.settings import as_if_told
from services.storage.settings import SiteSettings, StorageSettings
from services.storage.sites import open_sites
from shared.object_store import examination
from tests.builders.callers import SECRET
from tests.integration.storage.conftest import two_buckets, two_folders
from tests.integration.storage.depot import Depot
from tests.servers import Databases, fresh

pytestmark = pytest.mark.integration

HANGS_SECONDS = 40
"""Less than a silent bucket is waited for by whoever waits to the end (60 s)."""

Give = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("storage",))


@pytest.fixture
def told(databases: Databases, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Return the environment of a storage that runs on some sites."""

    def variables(sites: tuple[SiteSettings, ...]) -> dict[str, str]:
        declared = [
            {
                name: value.get_secret_value() if isinstance(value, SecretStr) else value
                for name, value in site.model_dump(exclude_none=True).items()
            }
            for site in sites
        ]
        return {
            "CHARTRIER_DATABASE_URL": databases.url("storage"),
            "CHARTRIER_INTERNAL_SECRET": SECRET,
            "CHARTRIER_STAGING_URL": (tmp_path / "staging").as_uri(),
            "CHARTRIER_SITES": json.dumps(declared),
        }

    return variables


@pytest.fixture
def give(databases: Databases, told: Callable[..., dict[str, str]], capsys: pytest.CaptureFixture[str]) -> Give:
    """Give a command where storage runs on these sites; return its status and its answer."""
    asyncio.run(
        databases.as_superuser(
            "TRUNCATE storage.holding, storage.copy, storage.site, storage.usage, storage.work, storage.outbox"
        )
    )

    def command(sites: tuple[SiteSettings, ...], *words: str) -> tuple[int, Any]:
        with as_if_told(told(sites)):
            status = main(["sites", *words])
        said = capsys.readouterr()
        return status, json.loads(said.out) if "--json" in words else said.out + said.err

    return command


def prepared(sites: tuple[SiteSettings, ...]) -> tuple[SiteSettings, ...]:
    async def prepare() -> None:
        for site in open_sites(sites).values():
            await site.store.prepare()
            await site.store.close()

    asyncio.run(prepare())
    return sites


def lines(databases: Databases) -> list[tuple[str, str]]:
    rows = asyncio.run(databases.as_superuser("SELECT body FROM storage.outbox ORDER BY message_id"))
    return [(line["action"], line["outcome"]) for row in rows for line in json.loads(row["body"])["lines"]]


def test_the_list_says_what_each_site_holds_and_has_room_for(
    give: Give, databases: Databases, tmp_path: Path
) -> None:
    first, second = prepared(two_folders(tmp_path))
    sites = (first.model_copy(update={"quota_bytes": 2 * 1024**3}), second)
    asyncio.run(a_copy_on(databases, sites, tmp_path))

    status, found = give(sites, "list", "--json")
    _, text = give(sites, "list")

    assert status == 0
    by_name = {site["name"]: site for site in found["sites"]}
    assert {name: site["copies"] for name, site in by_name.items()} == {"a": {"written": 1}, "b": {"written": 1}}
    assert (by_name["a"]["bytes"], by_name["a"]["total_bytes"]) == (1000, 2 * 1024**3)
    assert by_name["a"]["open_bytes"] == 2 * 1024**3 - 1000 - 1024**3
    assert (by_name["b"]["answers"], by_name["b"]["place"]) == ("ok", "Brest, salle B")
    assert "a: filesystem, Rennes, salle A" in text
    assert "1 written; 1000 bytes" in text
    assert lines(databases)[-1] == ("sites.listed", "ok")


async def a_copy_on(databases: Databases, sites: tuple[SiteSettings, ...], folder: Path) -> None:
    database = databases.room("storage")
    opened = open_sites(sites)
    staging = opened["a"].store
    settings = StorageSettings(sites=sites, staging_url=folder.as_uri())
    depot = Depot(databases, database, opened, staging, settings)
    await depot.hand_over(bytes(1000))
    await depot.write()
    for site in opened.values():
        await site.store.close()
    await database.engine.dispose()


def test_a_site_that_is_away_is_named_with_its_reason(give: Give, tmp_path: Path) -> None:
    sites = prepared(two_folders(tmp_path))
    (tmp_path / "site-b").rename(tmp_path / "unmounted")

    _, found = give(sites, "list", "--json")
    status, checks = give(sites, "check", "--json", "b")

    assert "is it mounted?" in next(site["answers"] for site in found["sites"] if site["name"] == "b")
    assert status == 1
    assert {one["check"]: one["ok"] for one in checks["sites"]["b"]} == {"there": False, "writable": False}


def test_two_folders_of_one_disk_are_told_to_be_one_disaster(
    give: Give, databases: Databases, tmp_path: Path
) -> None:
    status, text = give(prepared(two_folders(tmp_path)), "check")

    assert status == 1
    assert "a                NOT volume    the same as that of b: one disk, one disaster" in text
    assert "a                ok  writable" in text
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == []
    assert lines(databases) == [("sites.checked", "ko")]


def test_buckets_with_versions_and_locks_pass_and_nothing_is_left_in_them(
    give: Give, databases: Databases, seaweed: seaweedfs.Site
) -> None:
    sites = prepared(two_buckets(seaweed))
    before = objects(seaweed, sites)

    status, found = give(sites, "check", "--json")

    assert status == 0, found
    names = ["there", "versions", "locks", "clock", "purger"]
    assert {name: [one["check"] for one in checks] for name, checks in found["sites"].items()} == {
        "a": names,
        "b": names,
    }
    assert objects(seaweed, sites) == before
    assert lines(databases) == [("sites.checked", "ok")]


def objects(seaweed: seaweedfs.Site, sites: tuple[SiteSettings, ...]) -> list[str]:
    client = seaweed.client()
    return [
        str(found.object_name)
        for site in sites
        for found in client.list_objects(str(site.bucket), recursive=True, include_version=True)
    ]


def test_what_a_bucket_is_not_is_said(give: Give, seaweed: seaweedfs.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    locked, other = prepared(two_buckets(seaweed))
    undeclared = locked.model_copy(update={"lock_mode": "none", "purger_access_key": "nobody"})
    missing = other.model_copy(update={"bucket": "nowhere-at-all"})
    monkeypatch.setattr(examination, "SKEW_SECONDS", -1)

    status, found = give((undeclared, missing), "check", "--json")

    assert status == 1
    assert {one["check"]: one["ok"] for one in found["sites"]["a"]} == {
        "there": True,
        "versions": True,
        "locks": False,
        "clock": False,
        "purger": False,
    }
    assert [(one["check"], one["ok"]) for one in found["sites"]["b"]] == [("there", False)]


@pytest.mark.parametrize("command", ["list", "check"])
def test_sites_that_cannot_carry_an_archive_are_refused_as_storage_would(
    give: Give, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (alone, _) = two_folders(tmp_path)

    with pytest.raises(SystemExit) as ended:
        give((alone,), command)

    assert ended.value.code == 78
    assert capsys.readouterr().err.startswith("CHARTRIER_SITES: at least two sites on distinct places")


HANGING = """
import runpy, sys
from services.commands import sites
from shared.object_store import threads
sites.PATIENCE_SECONDS = threads.CLOSE_SECONDS = 2.0
sys.argv = ["services", "sites", *sys.argv[1:]]
runpy.run_module("services", run_name="__main__")
"""
"""The commands as they are given, with less patience."""


@pytest.mark.parametrize("command", ["list", "check"])
def test_a_site_that_hangs_is_named_and_keeps_nobody(
    told: Callable[..., dict[str, str]], seaweed: seaweedfs.Site, tmp_path: Path, command: str
) -> None:
    bucket = two_buckets(seaweed)[0]
    folder = prepared(two_folders(tmp_path))[1]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = bucket.model_copy(update={"endpoint": f"127.0.0.1:{silent.getsockname()[1]}"})
        with as_if_told(told((hanging, folder))):
            given = subprocess.run(
                [sys.executable, "-c", HANGING, command, "--json"],
                capture_output=True,
                text=True,
                check=False,
                timeout=HANGS_SECONDS,
            )

    by_name = json.loads(given.stdout)["sites"]
    if command == "check":
        assert by_name["a"] == [{"check": "there", "ok": False, "said": "no answer within 2 s"}]
        assert given.returncode == 1
    else:
        assert [site["answers"] for site in by_name] == ["no answer within 2 s", "ok"]
        assert given.returncode == 0


def test_a_site_that_is_not_declared_is_told_those_that_are(give: Give, tmp_path: Path) -> None:
    status, text = give(prepared(two_folders(tmp_path)), "check", "c")

    assert (status, text) == (1, "No such site: c. Declared: a, b.\n")


KNOWN = "INSERT INTO storage.site (name, state) SELECT name, 'active' FROM unnest($1::text[]) AS name"


def test_a_site_that_is_needed_is_not_retired_and_the_refusal_says_why(
    give: Give, databases: Databases, tmp_path: Path
) -> None:
    sites = prepared(two_folders(tmp_path))
    asyncio.run(
        databases.as_superuser("INSERT INTO storage.site (name, state) VALUES ('a', 'active'), ('old', 'active')")
    )

    refused = give(sites, "retire", "a")
    unknown = give(sites, "retire", "z", "--json")
    _, text = give(sites, "list")

    assert refused == (1, "Besides a two active sites on distinct places are needed.\n")
    assert unknown == (1, {"error": "No site z. Known: a, old."})
    assert "old: NOT DECLARED, active since" in text


def test_a_site_that_is_not_needed_begins_to_leave(give: Give, databases: Databases, tmp_path: Path) -> None:
    sites = prepared(two_folders(tmp_path))
    asyncio.run(databases.as_superuser(KNOWN, ["a", "b", "old"]))

    status, answer = give(sites, "retire", "old", "--json")
    again = give(sites, "retire", "old", "--json")

    assert (status, answer) == again == (0, {"site": "old", "state": "retiring"})
    assert lines(databases) == [("site.retiring", "ok")]
    assert (
        asyncio.run(databases.as_superuser("SELECT key FROM storage.work WHERE kind = 'retire'"))[0]["key"] == "old"
    )
    assert give(sites, "keep", "old", "--json") == (0, {"site": "old", "state": "filling"})
    assert give(sites, "keep", "a") == (1, "a is active: only a site that is being retired can be kept.\n")
    assert lines(databases)[-1] == ("site.kept", "ok")


def test_that_a_retired_site_is_no_more_is_attested_by_command(
    give: Give, databases: Databases, tmp_path: Path
) -> None:
    sites = prepared(two_folders(tmp_path))
    asyncio.run(databases.as_superuser(KNOWN, ["a", "b", "old"]))
    words = ("destroyed", "old", "--attested-by", "rapport 12", "--json")

    too_soon = give(sites, *words)
    asyncio.run(databases.as_superuser("UPDATE storage.site SET state = 'retired' WHERE name = 'old'"))

    assert too_soon == (
        1,
        {"error": "old is active: only what is retired can be attested to be destroyed."},
    )
    assert give(sites, *words) == (0, {"site": "old", "attested_by": "rapport 12"})
    assert lines(databases) == [("site.destroyed", "ok")]
    _, found = give(sites, "list", "--json")
    _, text = give(sites, "list")
    (old,) = found["undeclared"]
    assert (old["name"], old["attested_by"]) == ("old", "rapport 12")
    assert {site["name"]: (site["destroyed_at"], site["attested_by"]) for site in found["sites"]} == {
        "a": (None, None),
        "b": (None, None),
    }
    assert f"; destroyed, as attested on {old['destroyed_at']} by rapport 12" in text
