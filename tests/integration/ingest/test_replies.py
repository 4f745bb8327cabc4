"""What a depositor's software is answered, and when: valid SEDA, in the vocabulary of the agreement."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree
from typing_extensions import override

from services.ingest import handlers
from services.ingest.domain.records import header_of_json
from services.ingest.domain.transfer import TransferState
from services.ingest.pipeline.reply import Letter, acknowledgement
from services.ingest.queries import Transfer
from services.ingest.tasks import check
from services.ingest.views import links
from services.ingest.worker import Workshop
from shared.messages.admin import AgreementV1
from shared.messages.ingest import TransferAcknowledgedV1
from shared.messaging.outcome import TryAgain
from shared.messaging.work import StaleLease
from tests.answers import valid_answer
from tests.builders.sips import AFile, ASip
from tests.integration.ingest.bench import Bench
from tests.integration.ingest.test_following_the_aip import catalogued, grant, hear, recorded, stored

pytestmark = pytest.mark.integration

WRONG_DIGEST = ASip((AFile("Content/a.txt", b"a\n", digest="0" * 128),))


async def replied(bench: Bench, agreement: AgreementV1, sip: ASip) -> etree._Element:
    """Deposit, go all the way, and return the reply."""
    deposited = await bench.deposit(bench.sip(sip), agreement)
    await bench.process()
    transfer = await bench.transfer(deposited.id)
    if transfer.state is TransferState.STORING:
        built = await bench.built(deposited.id)
        await hear(bench, handlers.await_catalogue, stored(built))
        await hear(bench, handlers.record_deposit, catalogued(built))
        await grant(bench, recorded(built))
        transfer = await bench.transfer(deposited.id)
    return valid_answer(await bench.staged(str(transfer.reply_key)))


@pytest.mark.parametrize(("terms", "refused"), [({}, "KO"), ({"reply_codes": "numeric"}, "207")])
async def test_a_refusal_is_coded_as_the_agreement_says(bench: Bench, terms: dict[str, str], refused: str) -> None:
    agreement = await bench.agreement(**terms)

    reply = await replied(bench, agreement, WRONG_DIGEST)

    assert reply.findtext("{*}ReplyCode") == refused


@pytest.mark.parametrize(("terms", "accepted"), [({}, "WARNING"), ({"reply_codes": "numeric"}, "000")])
async def test_an_acceptance_is_coded_as_the_agreement_says(
    bench: Bench, terms: dict[str, str], accepted: str
) -> None:
    agreement = await bench.agreement(**terms)

    reply = await replied(bench, agreement, ASip((AFile("Content/empty.txt", b""),)))

    assert reply.findtext("{*}ReplyCode") == accepted
    assert reply.find("{*}GrantDate") is not None


class Held:
    """Children whose checks are done and kept back until `released`, as if the files took hours to read."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.released = asyncio.Event()

    async def call(self, function: Callable[..., object], *arguments: object, seconds: Callable[[], float]) -> object:
        answer = await self._bench.children.call(function, *arguments, seconds=seconds)
        if function is check:
            await self.released.wait()
        return answer


async def until(bench: Bench, wanted: Callable[[Transfer], bool], transfer: Transfer) -> Transfer:
    async with asyncio.timeout(60):
        while not wanted(seen := await bench.transfer(transfer.id)):
            await asyncio.sleep(0.01)
    return seen


async def test_a_deposit_is_acknowledged_while_its_files_are_being_checked(bench: Bench) -> None:
    deposited = await bench.deposit()
    held: Any = Held(bench)
    processing = asyncio.create_task(bench.process(Workshop(bench.ingest, held, bench.rules, listening=0.01)))

    checking = await until(bench, lambda seen: seen.header is not None, deposited)

    assert checking.state is TransferState.CHECKING
    (told,) = await bench.told(TransferAcknowledgedV1)
    assert told.transfer_id == deposited.id
    assert "acknowledgement" in links(checking)
    header = header_of_json(checking.header or {})
    answer = valid_answer(acknowledgement(Letter(header, "x", "2026-03-02T09:15:30Z")))
    assert answer.findtext("{*}MessageReceivedIdentifier") == header.message_identifier
    held.released.set()
    await processing
    done = await bench.transfer(deposited.id)
    assert (done.state, done.header) == (TransferState.STORING, checking.header)
    assert await bench.told(TransferAcknowledgedV1) == [told]


async def test_a_worker_that_lost_its_lease_acknowledges_nothing(bench: Bench) -> None:
    deposited = await bench.deposit()
    held: Any = Held(bench)
    workshop = Workshop(bench.ingest, held, bench.rules, listening=0.01)
    lost = await bench.lease()
    await bench.release()
    taken = await bench.lease()

    with pytest.raises(StaleLease):
        await workshop.process(lost)

    assert (await bench.transfer(deposited.id)).header is None
    assert await bench.told(TransferAcknowledgedV1) == []
    held.released.set()
    await workshop.process(taken)


async def test_a_check_that_fails_after_its_header_was_told_is_done_again(bench: Bench) -> None:
    deposited = await bench.deposit()

    class Dies(Held):
        @override
        async def call(
            self, function: Callable[..., object], *arguments: object, seconds: Callable[[], float]
        ) -> object:
            await super().call(function, *arguments, seconds=seconds)
            raise TryAgain("a child process died")

    dying: Any = Dies(bench)
    processing = asyncio.create_task(bench.process(Workshop(bench.ingest, dying, bench.rules, listening=0.01)))
    await until(bench, lambda seen: seen.header is not None, deposited)
    dying.released.set()
    with pytest.raises(TryAgain):
        await processing

    await bench.release()
    again: Any = Held(bench)
    again.released.set()
    await bench.process(Workshop(bench.ingest, again, bench.rules, listening=0.01))

    assert (await bench.transfer(deposited.id)).state is TransferState.STORING
    assert len(await bench.told(TransferAcknowledgedV1)) == 1
