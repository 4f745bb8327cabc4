"""Restore tests: an AIP of each establishment, read back whole from one site, told to whom it concerns."""

import importlib
import io
import json
import re
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from services.storage import restore_api, restore_testing
from services.storage.api import Storage
from services.storage.domain.copies import CopyState
from services.storage.doubts import DOUBT, Doubter
from services.storage.restore_testing import RESTORE, RestoreTester, plan_tests
from services.storage.space import site_spaces
from shared import faults
from shared.clock import now
from shared.identity.rights import Role
from shared.messages.ingest import AipBuiltV1
from shared.messages.storage import RestoreTestedV1
from shared.messaging.outcome import TryAgain
from shared.object_store.filesystem_site import FilesystemSite
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_token, a_verifier
from tests.integration.storage.audited import sample
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot, an_announcement, spoil
from tests.integration.storage.flows import Killed

pytestmark = pytest.mark.integration

GOLDEN = Path(__file__).parents[2] / "golden" / "aip" / "v1" / "aip.tar"
AIP = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
MONTH = timedelta(days=30)


async def stored(depot: Depot, content: bytes | None = None) -> AipBuiltV1:
    """The golden AIP on every site, or other bytes under its name."""
    message = an_announcement(AIP, GOLDEN.read_bytes() if content is None else content)
    await depot.staging.put(message.staging_key, GOLDEN.read_bytes() if content is None else content)
    await depot.take(message)
    await depot.work_off()
    return message


async def outcomes(depot: Depot, every: timedelta = MONTH) -> Sequence[RestoreTestedV1]:
    """What was told after the tests that were due."""
    await plan_tests(every, depot.database)
    for held in await depot.lease(RESTORE):
        await RestoreTester(depot.database, depot.sites).test(held)
    return await depot.told(RestoreTestedV1)


async def asked(depot: Depot, role: Role, *establishments: UUID, query: str = "") -> httpx.Response:
    app = room_app("storage", restore_api.router, a_verifier(), Readiness("storage"), nothing)
    app.state.storage = Storage(depot.database, depot.sites, site_spaces(depot.database, depot.sites))
    headers = {"Authorization": f"Bearer {a_token(role, *establishments)}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, headers=headers) as client:
        return await client.get(f"/storage/v1/restore-tests{query}")


async def nothing() -> None: ...


@pytest.mark.parametrize("kind", ["folders", "buckets"])
async def test_a_whole_package_is_told_and_kept(open_depot: OpenDepot, kind: str) -> None:
    depot = await open_depot(kind)
    message = await stored(depot)

    (told,) = await outcomes(depot)

    assert (told.aip_id, told.establishment, told.outcome) == (AIP, message.establishment, "whole")
    (kept,) = (await asked(depot, Role.PRODUCER, message.establishment)).json()["items"]
    assert (kept["id"], kept["outcome"], kept["members"], kept["faults"]) == (str(told.test_id), "whole", 8, [])
    (line,) = await depot.lines("aip.restore_tested")
    assert (line.outcome, line.establishment) == ("ok", message.establishment)


async def test_the_sites_take_turns_and_nobody_is_tested_before_time(depot: Depot) -> None:
    await stored(depot)

    first = await outcomes(depot)
    again = await outcomes(depot)
    both = await outcomes(depot, every=timedelta(0))

    assert len(first) == len(again) == 1
    assert {told.site for told in both} == {"a", "b"}


async def test_a_site_that_is_not_declared_has_no_turn(depot: Depot) -> None:
    await stored(depot)
    left = {"b": depot.sites["b"]}

    told = [(await outcomes(replace(depot, sites=left), every=timedelta(0)))[-1].site for _ in range(3)]

    assert told == ["b", "b", "b"]


async def test_each_establishment_has_its_own_test(depot: Depot) -> None:
    others = [await depot.hand_over() for _ in range(3)]
    await depot.work_off()

    told = await outcomes(depot)

    assert {one.establishment for one in told} == {message.establishment for message in others}


async def test_bytes_that_make_no_package_are_faulty(depot: Depot) -> None:
    message = await stored(depot, b"never was a package" * 100)

    (told,) = await outcomes(depot)

    assert told.outcome == "faulty"
    (kept,) = (await asked(depot, Role.AUDITOR)).json()["items"]
    assert kept["faults"] == ["unreadable: "]
    (line,) = await depot.lines("aip.restore_tested")
    assert (line.outcome, line.establishment) == ("ko", message.establishment)


async def test_no_name_that_a_depositor_gave_is_kept(depot: Depot) -> None:
    whole, out = io.BytesIO(GOLDEN.read_bytes()), io.BytesIO()
    with tarfile.open(fileobj=whole) as was, tarfile.open(fileobj=out, mode="w") as left:
        for member in was:
            if not member.name.endswith("/budget.xml"):
                left.addfile(member, was.extractfile(member))
    await stored(depot, out.getvalue())

    await outcomes(depot)

    (row,) = await depot.databases.as_superuser("SELECT faults::text FROM storage.restore_test")
    assert re.search(r'"missing: file \d"', row["faults"])
    assert "budget" not in row["faults"]


async def test_an_upgrade_blanks_the_names_of_before(depot: Depot) -> None:
    await stored(depot)
    await outcomes(depot)
    await depot.databases.as_superuser(
        """UPDATE storage.restore_test SET faults = '["bytes: a: b.txt", "missing: METS.xml", "unreadable: "]'"""
    )
    migration = importlib.import_module("services.storage.migrations.versions.0012_nameless_faults")

    await depot.databases.as_superuser(migration.BLANK.replace("restore_test", "storage.restore_test"))

    (row,) = await depot.databases.as_superuser("SELECT faults::text FROM storage.restore_test")
    assert json.loads(row["faults"]) == ["bytes: ", "missing: ", "unreadable: "]


async def test_what_failed_is_shown_for_a_day_by_whoever_lives(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    await stored(depot, b"never was a package" * 100)

    def die(name: str) -> None:
        raise Killed(name)

    monkeypatch.setattr(faults, "strike", lambda name: die(name) if name == "storage.restore_test.noted" else None)
    with pytest.raises(Killed):
        await outcomes(depot)
    (told,) = await depot.told(RestoreTestedV1)

    shown = []
    for days in (0, 2):
        monkeypatch.setattr(restore_testing, "now", lambda days=days: now() + timedelta(days=days))
        await restore_testing.measure_failed(depot.database)
        shown.append(sample("restore_tests_failed", site=told.site, outcome="faulty"))

    assert shown == [1, 0]


@pytest.mark.parametrize("gone", [False, True], ids=["other-bytes", "gone"])
async def test_a_lost_copy_is_told_and_read_back_by_others(depot: Depot, gone: bool) -> None:
    message = await stored(depot)
    key = (await depot.holding(message.aip_id)).key
    for name in depot.sites:
        if gone:
            depot.file(name, key).unlink()
        else:
            spoil(depot.file(name, key))

    (told,) = await outcomes(depot)

    assert told.outcome == "lost"
    (held,) = await depot.lease(DOUBT)
    assert held.key == f"{AIP}/1/{told.site}"
    await Doubter(depot.database, depot.sites).judge(held)
    assert {site for site, copy in (await depot.copies(AIP)).items() if copy.state is CopyState.LOST} == {told.site}


async def test_a_site_that_is_away_proves_nothing(depot: Depot, tmp_path: Path) -> None:
    await stored(depot)
    away = FilesystemSite(tmp_path / "never-mounted")
    sites = {name: replace(site, store=away) for name, site in depot.sites.items()}
    await plan_tests(MONTH, depot.database)
    (held,) = await depot.lease(RESTORE)

    with pytest.raises(TryAgain):
        await RestoreTester(depot.database, sites).test(held)

    assert await depot.told(RestoreTestedV1) == []
    await away.close()


async def test_an_establishment_sees_its_own_tests_alone(depot: Depot) -> None:
    for _ in range(2):
        await depot.hand_over()
    await depot.work_off()
    ours, theirs = await outcomes(depot)

    seen = (await asked(depot, Role.PRODUCER, ours.establishment)).json()
    foreign = (
        await asked(depot, Role.PRODUCER, ours.establishment, query=f"?establishment={theirs.establishment}")
    ).json()
    first = (await asked(depot, Role.AUDITOR, query="?limit=1")).json()
    second = (await asked(depot, Role.AUDITOR, query=f"?limit=1&cursor={first['next']}")).json()

    assert [one["id"] for one in seen["items"]] == [str(ours.test_id)]
    assert foreign["items"] == []
    assert {page["items"][0]["id"] for page in (first, second)} == {str(ours.test_id), str(theirs.test_id)}
    assert (await asked(depot, Role.DEPOSITOR, ours.establishment)).status_code == 403
