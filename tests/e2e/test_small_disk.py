"""An archive whose staging is a small disk: deposits flow, it fills, they wait outside, and flow again."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import AllInOne
from tests.small_disks import MIB, a_small_disk, fill
from trials.levers import until
from trials.towns import Archive, Town, a_package, a_town, until_state

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]

DISK = 20 * MIB
RESERVE = 8 * MIB
PATIENCE = 60.0
COUNT = 10
SIZE = MIB
AT_ONCE = 8


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[Path]:
    with a_small_disk(tmp_path / "staging", DISK) as folder:
        yield folder


@pytest.fixture
def archive(tmp_path: Path, staging: Path) -> Iterator[Archive]:
    running = AllInOne(tmp_path / "home")
    running.home.mkdir()
    running.told = {"CHARTRIER_STAGING_URL": f"{staging.as_uri()}?reserve={RESERVE}"}
    try:
        running.start()
        yield running.archive
    finally:
        running.stop()


def package(path: Path) -> bytes:
    """Return a SIP whose AIP is twice as large: more than is reckoned with."""
    return a_package(path, content=os.urandom(SIZE // 2).hex().encode()).read_bytes()


def deposit(town: Town, http: httpx.Client, content: bytes, refused: Counter[str]) -> str:
    """Deposit as a patient client does: refused for want of room, it comes again."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = http.post("/ingest/v1/transfers", params={"agreement": town.agreement}, content=content)
        if answer.status_code != 507:
            # Of the one that was posted until it was refused, the archive may have had the bytes before.
            assert answer.status_code in (200, 202), answer.text
            return str(answer.json()["id"])
        refused[answer.json()["code"]] += 1
        assert int(answer.headers["retry-after"]) > 0
        time.sleep(0.1)
    raise AssertionError(f"no room within {PATIENCE} s: {refused}")


def refusal(archive: Archive, town: Town, http: httpx.Client, content: bytes) -> httpx.Response | None:
    """Return how a deposit is refused, once the archive has seen that it is full.

    Before that it may be refused for the room of those that were just taken, while the disk is not full yet.
    """
    answer = http.post("/ingest/v1/transfers", params={"agreement": town.agreement}, content=content)
    return answer if answer.status_code == 507 and space(archive, "full") == 1 else None


def space(archive: Archive, name: str) -> float:
    metrics = httpx.get(f"{archive.base_url}/ingest/metrics").text
    line = f'chartrier_space_{name}{{place="staging",room="ingest"}} '
    return float(next(found for found in metrics.splitlines() if found.startswith(line)).removeprefix(line))


def test_deposits_flow_wait_outside_while_the_disk_is_full_and_flow_again(
    archive: Archive, staging: Path, tmp_path: Path
) -> None:
    town = a_town(archive)
    contents = [package(tmp_path / f"{number}.zip") for number in range(COUNT + 2)]
    refused: Counter[str] = Counter()

    with town.http() as http, town.client() as client, ThreadPoolExecutor(AT_ONCE) as lanes:
        ids = list(lanes.map(partial(deposit, town, http, refused=refused), contents[:COUNT]))
        # Somebody else's file takes the rest of the disk while work is in hand.
        ballast = fill(staging, RESERVE // 2)
        outside = until(partial(refusal, archive, town, http, contents[COUNT]))
        for transfer in ids:
            until_state(client, transfer, "accepted")
        ballast.unlink()
        ids += lanes.map(partial(deposit, town, http, refused=refused), contents[COUNT:])
        for transfer in ids:
            until_state(client, transfer, "accepted")
        seen = http.get("/ingest/v1/transfers", params={"limit": 200}).json()["items"]

    assert outside is not None
    assert outside.json()["code"] == "staging_full"
    assert set(refused) <= {"staging_full"}
    assert space(archive, "total_bytes") == DISK
    assert space(archive, "full") == 0
    assert Counter(shown["state"] for shown in seen) == {"accepted": COUNT + 2}
    assert sorted(shown["id"] for shown in seen) == sorted(ids)
    until(lambda: left_in(staging) == {f"{transfer}.xml" for transfer in ids})
    assert_journals_whole(archive, town)


def left_in(staging: Path) -> set[str]:
    return {path.name for path in staging.rglob("*") if path.is_file()}


def assert_journals_whole(archive: Archive, town: Town) -> None:
    with archive.http(archive.admin_token()) as http:
        for kind in ("archives", "writes"):
            verdict = http.get(f"/proof/v1/journals/{kind}.{town.establishment}/verification").json()
            assert verdict["anomalies"] == [], json.dumps(verdict)
