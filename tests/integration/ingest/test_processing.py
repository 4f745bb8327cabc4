"""From received to handed over: what the work on a transfer leaves, whatever interrupts it."""

import asyncio
import secrets
import tarfile
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest

from services.ingest import handlers, queries
from services.ingest.deciding import decide
from services.ingest.domain.known_rule import KnownRule
from services.ingest.domain.transfer import TransferState
from services.ingest.handlers import aip_key
from services.ingest.replies import package_key
from services.ingest.worker import Workshop
from shared.checksums import sha512_of
from shared.messages.ingest import AipBuiltV1, SipRejectedV1
from shared.messaging.lease import Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.work import StaleLease, enqueue, lease
from shared.problems import Problem
from tests.builders.sips import AFile, ASip, AUnit
from tests.integration.ingest.bench import UNHURRIED, Bench, Fuse, PowerCut, WatchedDatabase

pytestmark = pytest.mark.integration


async def test_a_good_sip_becomes_an_aip_that_is_handed_over_once(bench: Bench) -> None:
    deposited = await bench.deposit()

    await bench.process()

    transfer = await bench.transfer(deposited.id)
    message = await bench.built(deposited.id)
    aip = await bench.staged(message.staging_key)
    assert transfer.state is TransferState.STORING
    assert [step["state"] for step in transfer.steps] == ["received", "checking", "storing"]
    assert (message.aip_id, message.sha512, message.size) == (transfer.aip_id, sha512_of(aip), len(aip))
    assert sha512_of(aip[message.catalogue.offset :][: message.catalogue.length]) == message.catalogue.sha512
    with tarfile.open(fileobj=BytesIO(aip)) as opened:
        assert opened.getnames()[0].startswith(str(transfer.aip_id))
    assert await bench.work() == set()
    assert bench.staged_keys() == {
        transfer.staging_key,
        aip_key(message.aip_id),
        package_key(transfer.id),
    }
    assert [line.details["aip_sha512"] for line in await bench.lines("aip.built")] == [message.sha512]


async def test_work_that_is_already_done_changes_nothing(bench: Bench) -> None:
    deposited = await bench.deposit()
    await bench.process()
    before = await bench.transfer(deposited.id)
    async with bench.database.begin() as tx:
        await enqueue(tx, handlers.PROCESS, Piece(str(deposited.id)))

    await bench.process()

    assert await bench.transfer(deposited.id) == before
    assert len(await bench.told(AipBuiltV1)) == 1
    assert await bench.work() == set()


async def crash_then_go_on(bench: Bench, at: int) -> list[str] | None:
    """Cut the power before step `at`, then let another worker go on; None when there was no such step."""
    agreement = await bench.agreement()
    deposited = await bench.deposit(agreement=agreement)
    fuse = Fuse(at)
    try:
        await bench.process(bench.fused_workshop(fuse))
    except PowerCut:
        pass
    else:
        return None
    left, plan = await bench.transfer(deposited.id), await bench.plan(deposited.id)
    key = "" if left.aip_id is None else aip_key(left.aip_id)
    half_done = await bench.staged(key) if key in bench.staged_keys() else None

    await bench.release()
    if await bench.work():
        await bench.process()

    done = await bench.transfer(deposited.id)
    message = await bench.built(deposited.id)
    assert done.state is TransferState.STORING, fuse.steps
    assert plan in (None, await bench.plan(deposited.id)), fuse.steps
    aip = await bench.staged(message.staging_key)
    assert half_done in (None, aip), fuse.steps
    assert sha512_of(aip) == message.sha512, fuse.steps
    assert await bench.work() == set(), fuse.steps
    return fuse.steps


async def test_a_crash_before_any_step_is_gone_on_from_to_the_same_end(bench: Bench) -> None:
    steps: list[str] = []
    while (passed := await crash_then_go_on(bench, at=len(steps))) is not None:
        steps = passed

    # The walk did pass by what must survive a crash: verdict, build, both files, hand-over.
    assert [step for step in steps if step in {"commit", "call", "put", "adopt"}] == [
        "call",
        "commit",
        "call",
        "put",
        "adopt",
        "commit",
    ]


async def test_the_aip_of_a_plan_has_the_same_bytes_in_another_worker_at_another_time(bench: Bench) -> None:
    deposited = await bench.deposit()
    await bench.process()
    first = await bench.built(deposited.id)
    await bench.staging.delete(first.staging_key)
    await bench.staging.delete(package_key(deposited.id))
    async with bench.database.begin() as tx:
        await queries.record_built(tx.connection, {deposited.id: None})
        await enqueue(tx, handlers.PROCESS, Piece(str(deposited.id)))

    await bench.process()

    _, second = await bench.told(AipBuiltV1)
    assert (second.sha512, second.catalogue) == (first.sha512, first.catalogue)
    assert sha512_of(await bench.staged(second.staging_key)) == first.sha512


class LosesItsLease:
    """Children that take so long over one call that the lease runs out and somebody else takes it."""

    def __init__(self, bench: Bench, at: int) -> None:
        self._bench = bench
        self._at = at
        self.calls = 0

    async def call(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 (whatever the children answer)
        self.calls += 1
        if self.calls == self._at:
            await self._bench.release()
            await self._bench.lease()
        function, *rest = arguments
        return await self._bench.children.call(function, *rest, **named)


@pytest.mark.parametrize(
    ("at", "state"), [(1, TransferState.CHECKING), (2, TransferState.STORING)], ids=["checking", "building"]
)
async def test_a_worker_that_lost_its_lease_records_nothing(bench: Bench, at: int, state: TransferState) -> None:
    deposited = await bench.deposit()
    slow: Any = LosesItsLease(bench, at)

    with pytest.raises(StaleLease):
        await bench.process(Workshop(bench.ingest, slow, bench.rules, UNHURRIED))

    left = await bench.transfer(deposited.id)
    assert (left.state, left.built) == (state, None)
    assert await bench.told(AipBuiltV1) == []
    await bench.release()
    await bench.process()
    await bench.built(deposited.id)


async def test_a_bad_sip_is_refused_with_all_its_findings_and_a_reply(bench: Bench) -> None:
    deposited = await bench.deposit(bench.sip(ASip((AFile("Content/a.txt", b"a\n", digest="0" * 128),))))

    await bench.process()

    transfer = await bench.transfer(deposited.id)
    assert (transfer.state, await bench.plan(transfer.id)) == (TransferState.REJECTED, None)
    assert [finding["code"] for finding in transfer.findings if finding["severity"] == "error"] == [
        "OBJECT_DIGEST_MISMATCH"
    ]
    assert transfer.reply_key is not None
    assert b"<ReplyCode>KO</ReplyCode>" in await bench.staged(transfer.reply_key)
    assert [message.transfer_id for message in await bench.told(SipRejectedV1)] == [transfer.id]
    assert [line.outcome for line in await bench.lines("transfer.rejected")] == ["ko"]
    assert await bench.told(AipBuiltV1) == []
    await bench.sweep()
    assert bench.staged_keys() == {transfer.reply_key}


async def test_what_is_no_package_at_all_is_refused_without_a_reply(bench: Bench) -> None:
    deposited = await bench.deposit(b"neither ZIP nor TAR")

    await bench.process()

    transfer = await bench.transfer(deposited.id)
    assert (transfer.state, transfer.reply_key) == (TransferState.REJECTED, None)
    assert len(transfer.findings) >= 1
    await bench.sweep()
    assert bench.staged_keys() == set()


async def test_a_message_identifier_used_twice_is_refused_naming_the_earlier_transfer(bench: Bench) -> None:
    agreement = await bench.agreement()
    first = await bench.deposit(bench.sip(ASip(message_identifier="versement-1")), agreement)
    await bench.process()
    second = await bench.deposit(
        bench.sip(ASip((AFile("Content/b.txt", b"b\n"),), message_identifier="versement-1")), agreement
    )

    await bench.process()

    refused = await bench.transfer(second.id)
    (finding,) = [finding for finding in refused.findings if finding["code"] == "DUPLICATE_MESSAGE"]
    assert refused.state is TransferState.REJECTED
    assert finding["params"] == {"message_identifier": "versement-1", "transfer": str(first.id)}


async def test_two_deposits_of_one_message_at_once_are_not_both_taken(bench: Bench) -> None:
    agreement = await bench.agreement()
    deposits = []
    for content in (b"a\n", b"b\n"):
        sip = ASip((AFile("Content/a.txt", content),), message_identifier="versement-1")
        deposits.append(await bench.deposit(bench.sip(sip), agreement))
    held = await lease(bench.database, [handlers.PROCESS], 10)

    await asyncio.gather(*(bench.workshop.process(one) for one in held), return_exceptions=True)
    await bench.release()
    for one in await lease(bench.database, [handlers.PROCESS], 10):
        await bench.workshop.process(one)

    states = {(await bench.transfer(deposit.id)).state for deposit in deposits}
    assert states == {TransferState.STORING, TransferState.REJECTED}
    assert len(await bench.told(AipBuiltV1)) == 1


async def test_a_message_of_an_agency_without_a_name_is_known_by_its_identifier_too(bench: Bench) -> None:
    agreement = await bench.agreement()
    states = []
    for content in (b"a\n", b"b\n"):
        sip = ASip((AFile("Content/a.txt", content),), message_identifier="versement-1", transferring_agency="")
        deposited = await bench.deposit(bench.sip(sip), agreement)
        await bench.process()
        states.append((await bench.transfer(deposited.id)).state)

    assert states == [TransferState.STORING, TransferState.REJECTED]


async def test_a_message_is_known_again_under_another_agreement_of_its_establishment(bench: Bench) -> None:
    agreement = await bench.agreement()
    other = await bench.agreement(establishment=agreement.establishment)
    deposits = []
    for content, under in ((b"a\n", agreement), (b"b\n", other)):
        sip = ASip((AFile("Content/a.txt", content),), message_identifier="versement-1")
        deposits.append(await bench.deposit(bench.sip(sip), under))
        await bench.process()

    states = [(await bench.transfer(each.id)).state for each in deposits]
    assert states == [TransferState.STORING, TransferState.REJECTED]


@pytest.mark.parametrize("field", ["message_identifier", "transferring_agency"])
async def test_names_too_long_to_be_kept_apart_are_refused(bench: Bench, field: str) -> None:
    named: Any = {field: "".join(chr(0x20000 + secrets.randbelow(40_000)) for _ in range(9_000))}
    deposited = await bench.deposit(bench.sip(ASip(**named)))

    await bench.process()

    refused = await bench.transfer(deposited.id)
    assert refused.state is TransferState.REJECTED
    assert [each["code"] for each in refused.findings if each["severity"] == "error"] == ["HEADER_TOO_LONG"]


async def test_the_longest_names_there_may_be_are_kept_apart(bench: Bench) -> None:
    # Four bytes a character, and nothing to compress.
    message, agency = ("".join(chr(0x20000 + secrets.randbelow(40_000)) for _ in range(300)) for _ in range(2))
    agreement, states = await bench.agreement(), []
    for content in (b"a\n", b"b\n"):
        sip = ASip((AFile("Content/a.txt", content),), message_identifier=message, transferring_agency=agency)
        deposited = await bench.deposit(bench.sip(sip), agreement)
        await bench.process()
        states.append((await bench.transfer(deposited.id)).state)

    assert states == [TransferState.STORING, TransferState.REJECTED]


async def test_a_refused_message_may_be_sent_anew(bench: Bench) -> None:
    agreement = await bench.agreement()
    wrong = AFile("Content/b.txt", b"b\n", digest="0" * 128)
    first = await bench.deposit(bench.sip(ASip((wrong,), message_identifier="versement-1")), agreement)
    await bench.process()
    assert (await bench.transfer(first.id)).state is TransferState.REJECTED

    again = await bench.deposit(
        bench.sip(ASip((replace(wrong, digest=""),), message_identifier="versement-1")), agreement
    )
    await bench.process()

    assert (await bench.transfer(again.id)).state is TransferState.STORING
    await bench.built(again.id)


async def test_with_the_scanner_down_nothing_is_accepted_nor_refused(without_scanner: Bench, bench: Bench) -> None:
    deposited = await without_scanner.deposit()

    with pytest.raises(TryAgain, match="clamd at"):
        await without_scanner.process()

    waiting = await bench.transfer(deposited.id)
    assert (waiting.state, waiting.findings, await bench.plan(waiting.id)) == (TransferState.CHECKING, [], None)
    assert await bench.told(AipBuiltV1) == []
    await bench.release()
    await bench.process()
    assert (await bench.transfer(deposited.id)).state is TransferState.STORING


async def test_an_archivist_accepts_and_the_aip_is_built_from_what_was_checked(bench: Bench) -> None:
    deposited = await bench.deposit(agreement=await bench.agreement(decision="archivist"))
    await bench.process()
    waiting = await bench.transfer(deposited.id)
    assert (waiting.state, await bench.work()) == (TransferState.AWAITING_DECISION, set())
    assert await bench.told(AipBuiltV1) == []
    plan = await bench.plan(deposited.id)

    await decide(bench.ingest, deposited.id, "client:archivist", accept=True, reason="")
    await bench.process()

    assert await bench.plan(deposited.id) == plan is not None
    assert (await bench.built(deposited.id)).aip_id == waiting.aip_id
    (line,) = await bench.lines("transfer.decided")
    assert (line.actor, line.details) == ("client:archivist", {"decision": "accepted"})


async def test_an_archivist_refuses_with_a_reason_the_depositor_reads(bench: Bench) -> None:
    deposited = await bench.deposit(agreement=await bench.agreement(decision="archivist"))
    await bench.process()

    await decide(bench.ingest, deposited.id, "client:archivist", accept=False, reason="Déjà versé.")

    refused = await bench.transfer(deposited.id)
    assert (refused.state, refused.reason) == (TransferState.REJECTED, "Déjà versé.")
    assert "Déjà versé." in (await bench.staged(str(refused.reply_key))).decode()
    with pytest.raises(Problem) as late:
        await decide(bench.ingest, deposited.id, "client:archivist", accept=True, reason="")
    assert (late.value.status, late.value.code) == (409, "no_decision_awaited")
    await bench.sweep()
    assert bench.staged_keys() == {refused.reply_key}


async def test_a_decision_taken_the_moment_it_is_awaited_is_not_lost(bench: Bench) -> None:
    deposited = await bench.deposit(agreement=await bench.agreement(decision="archivist"))

    async def prompt_decision() -> None:
        if (await bench.transfer(deposited.id)).state is TransferState.AWAITING_DECISION:
            await decide(bench.ingest, deposited.id, "client:archivist", accept=True, reason="")

    prompt = replace(bench.ingest, database=WatchedDatabase(bench.database, prompt_decision))
    await bench.process(Workshop(prompt, bench.children, bench.rules, UNHURRIED))

    await bench.process()
    assert (await bench.transfer(deposited.id)).state is TransferState.STORING
    await bench.built(deposited.id)


class JustPublished:
    """A referential to which a code was added a moment ago."""

    async def rules(self) -> dict[str, KnownRule]:
        return {}

    async def newer(self) -> dict[str, KnownRule]:
        return {"NEW-1": KnownRule("AppraisalRule", "P10Y")}


async def test_a_rule_published_since_the_referential_was_read_is_known_to_the_check(bench: Bench) -> None:
    rule = "<AppraisalRule><Rule>NEW-1</Rule><FinalAction>Keep</FinalAction></AppraisalRule>"
    sip = bench.sip(ASip((), (AUnit("Pièce", management=rule),)))
    deposited = await bench.deposit(sip, await bench.agreement(unknown_rules="reject"))
    referential: Any = JustPublished()

    await bench.process(Workshop(bench.ingest, bench.children, referential, UNHURRIED))

    assert (await bench.transfer(deposited.id)).state is TransferState.STORING
