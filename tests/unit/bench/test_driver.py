"""Depositing under load."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from bench import driver
from bench.archives import Archive
from bench.driver import DepositFailed, Depositor, Load, Turns, depositing, sustain
from tests.unit.bench.archive_double import ArchiveDouble

ARCHIVE = Archive("double", Path(), "http://double", "commune", "accord", "client", "secret")


def _make(number: int, folder: Path) -> Path:
    sip = folder / "sip.zip"
    sip.write_bytes(b"sip %d" % number)
    return sip


@asynccontextmanager
async def _talking_to(double: ArchiveDouble) -> AsyncIterator[Depositor]:
    async with depositing(ARCHIVE, httpx.ASGITransport(double.app)) as depositor:
        yield depositor


async def test_every_number_is_deposited_once_whatever_the_window(tmp_path: Path) -> None:
    double = ArchiveDouble()
    async with _talking_to(double) as depositor:
        done = await sustain(depositor, _make, Load(count=20, seconds=60, window=6, patience=30), tmp_path)

    assert sorted(double.bodies) == sorted(b"sip %d" % number for number in range(20))
    assert len({deposit.transfer_id for deposit in done}) == 20
    assert [deposit.began for deposit in done] == sorted(deposit.began for deposit in done)


async def test_the_delay_is_told_by_the_archive_and_one_token_serves_many_deposits(tmp_path: Path) -> None:
    double = ArchiveDouble()
    async with _talking_to(double) as depositor:
        done = await sustain(depositor, _make, Load(count=3, seconds=60, window=3, patience=30), tmp_path)
        steps = await depositor.steps(done[0].transfer_id)

    assert {deposit.delay for deposit in done} == {1.5}
    assert double.tokens == 1
    assert [step["state"] for step in steps] == ["received", "accepted"]


async def test_a_rejected_deposit_stops_the_measure_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "LONG", 0.0)
    monkeypatch.setattr(driver, "ONE_BY_ONE_EVERY", 1)
    async with _talking_to(ArchiveDouble(ends="rejected")) as depositor:
        with pytest.raises(DepositFailed, match="transfer 1 was rejected: MANIFEST_SCHEMA"):
            await depositor.deposit(_make(0, tmp_path), patience=30)


async def test_an_accepted_deposit_that_others_overtook_is_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "LONG", 0.0)
    monkeypatch.setattr(driver, "ONE_BY_ONE_EVERY", 1)
    async with _talking_to(ArchiveDouble(listed=False)) as depositor:
        assert (await depositor.deposit(_make(0, tmp_path), patience=30)).transfer_id == "1"


async def test_a_deposit_never_accepted_is_given_up_with_the_state_it_is_in(tmp_path: Path) -> None:
    async with _talking_to(ArchiveDouble(ends="storing")) as depositor:
        with pytest.raises(DepositFailed, match="still storing"):
            await depositor.deposit(_make(0, tmp_path), patience=0.05)


async def test_an_answer_other_than_202_is_not_a_deposit(tmp_path: Path) -> None:
    async with _talking_to(ArchiveDouble(answer=200)) as depositor:
        with pytest.raises(DepositFailed, match="200 instead of 202"):
            await depositor.deposit(_make(0, tmp_path), patience=30)


async def test_turns_end_with_the_count_or_with_the_time() -> None:
    moment = 0.0
    counted = Turns(Load(count=2, seconds=60, window=1, patience=1), 0.0, lambda: moment)
    assert [await counted.take() for _ in range(3)] == [0, 1, None]

    timed = Turns(Load(count=9, seconds=60, window=1, patience=1), 0.0, lambda: moment)
    assert await timed.take() == 0
    moment = 60.0
    assert await timed.take() is None
