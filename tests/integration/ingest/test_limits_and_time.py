"""What an operator limits is refused by name; what takes too long is tried again, and refused only at the third time.

Building refuses nothing: not what was accepted under other limits, nor what takes long.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from services.ingest import handlers
from services.ingest.adapters.children import ChildTooSlow
from services.ingest.deciding import decide
from services.ingest.domain.finding_texts import text
from services.ingest.domain.records import findings_of_json
from services.ingest.domain.transfer import TransferState
from services.ingest.queries import Transfer
from services.ingest.slowness import TooSlow
from services.ingest.tasks import build, check
from services.ingest.worker import Workshop
from shared.messages.ingest import AipBuiltV1, SipRejectedV1
from shared.messaging.lease import Lane
from shared.messaging.outcome import TryAgain
from shared.messaging.work import StaleLease, lease
from tests.builders.scanners import ASocketThatCounts
from tests.builders.sips import ASip, AUnit
from tests.integration.ingest.bench import UNHURRIED, Bench
from tests.integration.ingest.busy import begin, until

pytestmark = pytest.mark.integration


def told(bench: Bench, **values: object) -> Bench:
    """The same bench after its operator has set other values."""
    settings = bench.ingest.settings.model_copy(update=values)
    return replace(bench, ingest=replace(bench.ingest, settings=settings))


class Slow:
    """Children that do what they are asked, and take too long over some of it."""

    def __init__(self, bench: Bench, over: Callable[..., object]) -> None:
        self._bench = bench
        self._over = over

    async def call(self, function: Callable[..., object], *arguments: object, seconds: Callable[[], float]) -> object:
        answer = await self._bench.children.call(function, *arguments, seconds=seconds)
        if function is self._over:
            raise ChildTooSlow(f"more than {seconds():.0f} seconds of work")
        return answer


def slow(bench: Bench, over: Callable[..., object]) -> Workshop:
    children: Any = Slow(bench, over)
    return Workshop(bench.ingest, children, bench.rules, UNHURRIED)


async def time_out(bench: Bench, workshop: Workshop | None = None) -> None:
    with pytest.raises(TooSlow, match="seconds of work"):
        await bench.process(workshop)
    await bench.release()


async def said_of(bench: Bench, transfer: Transfer) -> dict[str, str]:
    """Code → French text of every finding."""
    findings = findings_of_json((await bench.transfer(transfer.id)).findings)
    return {each.code: text(each, "fr") for each in findings}


async def test_a_deposit_beyond_a_limit_is_refused_by_its_name(bench: Bench) -> None:
    bench = told(bench, max_units=1)
    deposited = await bench.deposit(bench.sip(ASip((), (AUnit("Un"), AUnit("Deux")))))

    await bench.process()

    assert (await bench.transfer(deposited.id)).state is TransferState.REJECTED
    assert "max_units = 1" in (await said_of(bench, deposited))["MANIFEST_LIMIT"]


async def test_what_was_accepted_is_built_whatever_an_operator_lowers_then(bench: Bench) -> None:
    deposited = await bench.deposit(agreement=await bench.agreement(decision="archivist"))
    await bench.process()
    await decide(bench.ingest, deposited.id, "client:archivist", accept=True, reason="")
    names = ("max_files", "max_expanded_bytes", "max_ratio", "ratio_floor", "max_path_bytes", "max_archive_depth")
    of_manifests = ("max_manifest_bytes", "max_manifest_gap", "max_manifest_depth", "max_units")
    lowered = told(bench, **dict.fromkeys((*names, *of_manifests), 1))

    await lowered.process()

    await lowered.built(deposited.id)
    refused = await lowered.deposit()
    await lowered.process()
    assert (await lowered.transfer(refused.id)).state is TransferState.REJECTED


async def test_a_check_is_refused_when_it_has_taken_too_long_three_times(bench: Bench) -> None:
    hurried = told(bench, step_seconds=0)
    deposited = await hurried.deposit()

    await time_out(hurried)
    await time_out(hurried)
    assert (await bench.transfer(deposited.id)).state is TransferState.CHECKING
    await hurried.process()

    assert (await bench.transfer(deposited.id)).state is TransferState.REJECTED
    (why,) = (await said_of(bench, deposited)).items()
    assert why[0] == "CONTAINER_TOO_SLOW"
    assert "3 fois" in why[1]
    assert "0 secondes" in why[1]
    assert [message.transfer_id for message in await bench.told(SipRejectedV1)] == [deposited.id]
    assert await bench.work() == {handlers.SWEEP}


async def test_its_depositor_has_a_reply_where_the_header_was_read(bench: Bench) -> None:
    deposited = await bench.deposit()
    workshop = slow(bench, check)

    await time_out(bench, workshop)
    await time_out(bench, workshop)
    await bench.process(workshop)

    transfer = await bench.transfer(deposited.id)
    assert transfer.state is TransferState.REJECTED
    assert "86400 secondes" in (await said_of(bench, deposited))["CONTAINER_TOO_SLOW"]
    assert transfer.reply_key is not None
    assert b"<ReplyCode>KO</ReplyCode>" in await bench.staged(transfer.reply_key)


async def test_only_time_outs_under_the_limit_as_it_is_count(bench: Bench, without_scanner: Bench) -> None:
    deposited = await bench.deposit()
    for _ in range(2):
        await time_out(bench, slow(bench, check))
    for _ in range(2):
        with pytest.raises(TryAgain, match="clamd"):
            await without_scanner.process()
        await bench.release()

    patient = told(bench, step_seconds=30_000)
    await time_out(patient, slow(patient, check))

    await patient.process()
    assert (await bench.transfer(deposited.id)).state is TransferState.STORING
    assert "CONTAINER_TOO_SLOW" not in await said_of(bench, deposited)


async def test_a_time_out_of_work_that_another_has_taken_counts_for_nothing(bench: Bench) -> None:
    deposited = await bench.deposit()
    held = await bench.lease()
    await bench.release()
    taken = await bench.lease()

    with pytest.raises(StaleLease):
        await slow(bench, check).process(held)

    assert taken.payload == {}
    await bench.release()
    assert (await bench.lease()).payload == {}
    assert (await bench.transfer(deposited.id)).state is TransferState.CHECKING


async def test_a_build_that_takes_too_long_is_tried_again_without_end(bench: Bench) -> None:
    deposited = await bench.deposit()
    workshop = slow(bench, build)

    for _ in range(5):
        await time_out(bench, workshop)

    assert (await bench.transfer(deposited.id)).state is TransferState.STORING
    assert await bench.told(AipBuiltV1) == []
    await bench.process()
    await bench.built(deposited.id)


async def test_waiting_for_the_antivirus_is_not_the_package_s_time(bench: Bench, tmp_path: Path) -> None:
    # Of three files the first is answered late, by more than what is told at once.
    scanner = ASocketThatCounts(tmp_path / "clamd.sock", first_after=1.2)
    bench = told(bench, clamd=scanner.address, step_seconds=100)
    allowed: list[float] = []

    class Watched(Slow):
        @override
        async def call(
            self, function: Callable[..., object], *arguments: object, seconds: Callable[[], float]
        ) -> object:
            answer = await super().call(function, *arguments, seconds=seconds)
            allowed.append(seconds())
            return answer

    watched: Any = Watched(bench, begin)
    await bench.deposit()
    await bench.process(Workshop(bench.ingest, watched, bench.rules, UNHURRIED))

    checking, building = allowed
    assert 101.2 <= checking < 110
    assert building == 100


async def test_a_slow_check_delays_no_other(bench: Bench, tmp_path: Path) -> None:
    busy = asyncio.ensure_future(bench.children.call(begin, tmp_path / "busy", 3600.0, seconds=lambda: 2.0))
    await until(tmp_path / "busy")
    deposited = await bench.deposit()

    await bench.process()

    assert (await bench.transfer(deposited.id)).state is TransferState.STORING
    with pytest.raises(ChildTooSlow):
        await busy


async def test_what_looked_small_and_is_heavy_goes_on_among_the_large(bench: Bench) -> None:
    """It costs its own lane one step that was given up, and is no fault of the deposit."""
    deposited = await bench.deposit()
    hurried = Workshop(bench.ingest, bench.children, bench.rules, UNHURRIED, patience=0)

    await bench.process(hurried)

    assert await lease(bench.database, [handlers.PROCESS], 1) == []
    (held,) = await lease(bench.database, [handlers.PROCESS], 1, lane=Lane.LARGE)
    assert (held.owner, dict(held.payload)) == (str(deposited.establishment), {})
    await bench.workshop.process(held)
    await bench.built(deposited.id)


async def test_a_build_that_takes_long_is_begun_anew_among_the_large_too(bench: Bench) -> None:
    deposited = await bench.deposit()
    children: Any = Slow(bench, build)
    await bench.process(Workshop(bench.ingest, children, bench.rules, UNHURRIED, patience=60))

    assert (await bench.transfer(deposited.id)).state is TransferState.STORING
    (held,) = await lease(bench.database, [handlers.PROCESS], 1, lane=Lane.LARGE)
    await bench.workshop.process(held)
    await bench.built(deposited.id)
