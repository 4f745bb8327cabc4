"""On the full stack, one town's flood does not starve another, and small deposits do not wait for large ones."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from services.ingest.lanes import LARGE_FROM
from services.local.stack import Stack
from trials.towns import Archive, Town, a_package, a_town

pytestmark = pytest.mark.e2e

FLOOD = 80
IN_HAND = 16 + 8
"""What may be ahead of anybody: as many as ingest has in hand, and some that come between two looks of ours."""

SENDERS = 8


@pytest.fixture(scope="module")
def archive(full_stack: Stack) -> Archive:
    return Archive("full-stack", full_stack.base_url, full_stack.home / "admin-client.json")


def moment(shown: dict[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(shown[name])


def checked(shown: dict[str, Any]) -> datetime:
    """When a transfer had passed its checks."""
    (at,) = (step["at"] for step in shown["steps"] if step["state"] == "storing")
    return datetime.fromisoformat(at)


def shown_of(town: Town, transfer_ids: list[str]) -> list[dict[str, Any]]:
    with town.http() as http:
        return [http.get(f"/ingest/v1/transfers/{one}").json() for one in transfer_ids]


def test_a_town_with_one_deposit_does_not_wait_behind_another_towns_flood(archive: Archive, tmp_path: Path) -> None:
    flooding, other = a_town(archive), a_town(archive)
    packages = [a_package(tmp_path / f"{number}.zip") for number in range(FLOOD)]
    with flooding.client() as sender, other.client() as one, ThreadPoolExecutor(SENDERS) as senders:
        flood = list(senders.map(lambda package: sender.deposit(package, flooding.agreement), packages))
        transfer = one.wait(one.deposit(a_package(tmp_path / "one.zip"), other.agreement))
        for each in flood:
            sender.wait(each)

    (only,) = shown_of(other, [transfer.id])
    waiting = [each for each in shown_of(flooding, flood) if checked(each) > moment(only, "received_at")]
    before = [each for each in waiting if checked(each) < checked(only)]
    assert len(waiting) > IN_HAND + 8
    assert len(before) <= IN_HAND


def test_small_deposits_do_not_wait_for_large_ones(archive: Archive, tmp_path: Path) -> None:
    heavy, other = a_town(archive), a_town(archive)
    # Nothing that a ZIP makes smaller.
    contents = [random.Random(number).randbytes(2 * LARGE_FROM) for number in range(3)]  # noqa: S311 (no secrets)
    packages = [a_package(tmp_path / f"{number}.zip", content=content) for number, content in enumerate(contents)]
    with heavy.client() as sender, other.client() as one:
        large = [sender.deposit(package, heavy.agreement) for package in packages]
        small = one.wait(one.deposit(a_package(tmp_path / "small.zip"), other.agreement))
        for each in large:
            sender.wait(each)

    (only,) = shown_of(other, [small.id])
    late = [each for each in shown_of(heavy, large) if moment(each, "granted_at") > moment(only, "granted_at")]
    assert [each["state"] for each in shown_of(heavy, large)] == ["accepted"] * 3
    assert len(late) >= 2
