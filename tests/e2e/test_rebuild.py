"""The drill: every database is lost, one site is left, and the archive is what it was."""

import asyncio
import io
import json
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chartrier_client.administration import Mandate, create_client
from chartrier_client.http import Client
from services.__main__ import main
from services.all_in_one import at_rest
from services.local import postgres
from services.local.settings import LocalSettings, as_if_told
from shared.rooms import ROOMS
from tests.builders.sips import AFile, ASip, AUnit, a_sip
from tests.e2e.conftest import AllInOne
from tests.e2e.contents import Contents, address, as_far_as_the_sites, comparable, contents
from tests.e2e.test_profiles import listed
from trials.levers import until
from trials.towns import ROLES, Town, a_package, a_town, until_state

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@dataclass
class Drill:
    """An archive before its databases are lost, and after they came back."""

    own: AllInOne
    town: Town
    packages: list[Path]
    before: Contents
    after: Contents
    said: dict[str, Any]


def command(own: AllInOne, *words: str) -> tuple[int, dict[str, Any]]:
    """Give a command in this process: starting one for each takes longer than what it does."""
    said = io.StringIO()
    told = {"CHARTRIER_HOME": str(own.home), "CHARTRIER_PORT": str(own.port)}
    with as_if_told(told), redirect_stdout(said), redirect_stderr(io.StringIO()):
        status = main([*words, "--json"])
    return status, json.loads(said.getvalue())


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    own = AllInOne(tmp_path_factory.mktemp("rebuilt"))
    state = own.home / "all-in-one"
    try:
        own.start()
        town, packages = lived_in(own)
        close_journals(own)
        own.stop()
        before = at_rest_in(own)
        for lost in ("postgres", "staging"):
            shutil.rmtree(state / lost)
        empty(state / "site-b")
        _, said = command(own, "rebuild", "--from-site", "site-a")
        after = at_rest_in(own)
        own.start()
        yield Drill(own, town, packages, before, after, said)
    finally:
        own.stop()
        postgres.stop(state / "postgres")


def lived_in(own: AllInOne) -> tuple[Town, list[Path]]:
    """Have the archive keep a record of each kind, transfers accepted, decided on and refused."""
    archive = own.archive
    town, strict = a_town(archive), a_town(archive)
    asking = a_town(archive, decision="archivist")
    packages = [a_package(own.home / f"{number}.zip", files=number + 1) for number in range(3)]
    rule = {"code": "DUA-10", "category": "AppraisalRule", "duration": "P10Y", "final_action": "Keep"}
    with archive.http(archive.admin_token()) as http:
        http.put("/admin/v1/rules", json={"rules": [rule]}).raise_for_status()
        http.patch(f"/admin/v1/agreements/{town.agreement}", json={"name": "Autrement"}).raise_for_status()
        http.patch(f"/admin/v1/organisations/{town.establishment}", json={"name": "Grand-Bourg"}).raise_for_status()
    listed(archive, strict, "PIECE")
    until(lambda: asked(own, PROFILED) == 1)
    (own.home / "none.zip").write_bytes(b"no package")
    piece = ASip((AFile("piece.txt", b"piece"),), (AUnit("Pièce", files=(0,)),), archival_profile="PIECE")
    with town.client() as client, strict.client() as profiled, asking.client() as patient:
        taken = [client.deposit(package, town.agreement) for package in packages]
        refused = client.deposit(own.home / "none.zip", town.agreement)
        judged = profiled.deposit(a_sip(own.home / "piece.zip", piece), strict.agreement)
        waiting = patient.deposit(a_package(own.home / "asked.zip"), asking.agreement)
        until_state(patient, waiting, "awaiting_decision")
        with archive.administrator() as admin:
            decided = {"decision": "accept", "reason": "Vu avec le service."}
            admin.post(f"/ingest/v1/transfers/{waiting}/decision", decided)
        for each, one in [*((client, one) for one in taken), (profiled, judged), (patient, waiting)]:
            until_state(each, one, "accepted")
        until_state(client, refused, "rejected")
    return town, packages


def empty(site: Path) -> None:
    """Have a site be there and hold nothing, as one does that was replaced."""
    for area in site.iterdir():
        if not area.name.startswith("."):
            shutil.rmtree(area)


PROFILED = "SELECT count(*) FROM ingest.agreement WHERE body -> 'profiles' <> '[]'"
HEADS = " UNION ALL ".join(f"SELECT sender, batch FROM {room}.journal_head" for room in ROOMS)  # noqa: S608
TOLD = f"""SELECT count(*) FROM ({HEADS}) AS told LEFT JOIN proof.sender ON name = told.sender
           WHERE proof.sender.batch IS DISTINCT FROM told.batch"""  # noqa: S608
AWAITED = """SELECT (SELECT count(*) FROM storage.holding WHERE state <> 'stored')
                  + (SELECT count(*) FROM proof.container WHERE stored_at IS NULL)
                  + (SELECT count(*) FROM proof.filed WHERE stored_at IS NULL)"""
UNGATHERED = "SELECT count(*) FROM proof.package_group WHERE leaf IS NULL"
UNSEALED = "SELECT count(*) FROM proof.package_group WHERE seal IS NULL"
UNREAD = "SELECT count(*) FROM storage.copy WHERE state <> 'verified'"
REBUILT = "SELECT count(*) FROM proof.line WHERE convert_from(body, 'UTF8') LIKE '%archive.rebuilt%'"


def close_journals(own: AllInOne) -> None:
    """Have all lines of now leave for the sites; those about their containers' own copies come after."""
    until(lambda: asked(own, TOLD) == 0)
    until(lambda: asked(own, UNGATHERED) == 0)
    command(own, "seals", "make")
    until(lambda: asked(own, UNSEALED) == 0)
    until(lambda: asked(own, AWAITED) == 0)
    command(own, "journals", "close")
    until(lambda: asked(own, AWAITED) == 0)


def asked(own: AllInOne, question: str) -> int:
    return asyncio.run(_asked(own, question))


async def _asked(own: AllInOne, question: str) -> int:
    connection = await asyncpg.connect(address(running(own)))
    try:
        return int(await connection.fetchval(question))
    finally:
        await connection.close()


def running(own: AllInOne) -> postgres.Postgres:
    server = postgres.running(own.home / "all-in-one" / "postgres")
    assert server is not None
    return server


def at_rest_in(own: AllInOne) -> Contents:
    with at_rest(LocalSettings(home=own.home)):
        return contents(running(own))


UNUSED = frozenset(
    {
        *("access.journal_head", "access.purged_aip", "data_management.purged_unit"),
        *("proof.renewal", "proof.renewed", "proof.renewed_lines", "proof.renewed_package", "proof.tree_campaign"),
    }
)
"""Of purges tests/integration/rebuild/test_purged.py tells, of renewals tests/integration/proof/test_renewing.py."""


def without_the_other_site(drill: Drill, held: Contents) -> Contents:
    """Leave out what only the other site could have told: that it had the last containers, of which no line tells."""
    ends = {one["place"] for one in drill.said["findings"] if one["code"] == "end_believed"}
    last = {(row["id"], row["version"]) for row in drill.before["storage.holding"] if row["key"] in ends}
    copies = [
        row for row in held["storage.copy"] if row["site"] == "site-a" or (row["holding"], row["version"]) not in last
    ]
    usage = [row for row in held["storage.usage"] if row["site"] == "site-a"]
    return {**held, "storage.copy": copies, "storage.usage": usage}


def test_every_database_is_what_it_was_but_for_what_is_listed(drill: Drill) -> None:
    before = comparable(as_far_as_the_sites(without_the_other_site(drill, drill.before)))
    after = comparable(without_the_other_site(drill, drill.after))
    # One line of its own: that it was rebuilt.
    del before["proof.journal_head"], after["proof.journal_head"]

    assert after.keys() == before.keys()
    for table, rows in before.items():
        assert after[table] == rows, table
    empty = {table for table, rows in after.items() if not rows}
    assert empty <= UNUSED, "a drill that fills no table proves nothing of it"
    profiles = [row["profile"] for row in drill.after["ingest.transfer"] if row["profile"]]
    assert [one["identifier"] for one in profiles] == ["PIECE"]


def test_what_came_back_is_counted(drill: Drill) -> None:
    counts = drill.said["counts"]

    assert (counts["AIPs"], counts["transfers"], counts["refused transfers"]) == (5, 5, 1)
    assert counts["units"] == sum(number + 2 for number in range(3)) + 2 + 1
    # Only one site is left: the last containers, of which no line tells, are believed, and nothing else is.
    first, *others = drill.said["findings"]
    assert (first["code"], first["place"]) == ("site_empty", "site-b")
    assert {one["code"] for one in others} == {"end_believed"}
    assert all("/journals/" in one["place"] for one in others)


def test_the_archive_goes_on(drill: Drill, tmp_path: Path) -> None:
    archive, town = drill.own.archive, drill.town
    with archive.administrator() as admin:
        made = create_client(admin, "logiciel d'après", [Mandate(town.establishment, ROLES)])
    with Client(archive.base_url, made.client_id, made.client_secret) as client:
        known = client.transfer(client.deposit(drill.packages[0], town.agreement))
        assert known.state == "accepted"
        found = [unit for unit in client.search(transfer=known.id) if unit.objects]
        client.download(found[0].objects[0].id, tmp_path / "piece")
        assert (tmp_path / "piece").read_bytes().startswith("pièce 0 ".encode())
        new = client.wait(client.deposit(a_package(tmp_path / "new.zip"), town.agreement), 60)
        assert new.state == "accepted"
    until(lambda: asked(drill.own, UNREAD) == 0)
    assert asked(drill.own, REBUILT) == 1
    # Each room's chain goes on: proof comes to the end of all of them, and a gap would keep it waiting for ever.
    until(lambda: asked(drill.own, TOLD) == 0)
    until(lambda: asked(drill.own, "SELECT count(*) FROM proof.pending_batch") == 0)
    assert asked(drill.own, "SELECT count(*) FROM proof.dead_letter") == 0
