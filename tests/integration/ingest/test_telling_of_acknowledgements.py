"""That a deposit can be acknowledged is told once, with its verdict if not before; never of a dry run."""

import pytest

from shared.messages.ingest import SipRejectedV1, TransferAcknowledgedV1
from tests.builders.sips import AFile, ASip
from tests.integration.ingest.bench import Bench
from tests.integration.ingest.test_dry_runs import dry_run

pytestmark = pytest.mark.integration


async def test_it_is_told_with_the_verdict_of_a_short_check(bench: Bench) -> None:
    agreement = await bench.agreement()
    deposited = await bench.deposit(agreement=agreement)
    await bench.process()

    (told,) = await bench.told(TransferAcknowledgedV1)
    assert (told.transfer_id, told.establishment, told.agreement) == (
        deposited.id,
        agreement.establishment,
        agreement.id,
    )


async def test_a_refusal_whose_header_was_read_is_acknowledged_and_one_that_was_not_is_not(bench: Bench) -> None:
    refused = await bench.deposit(bench.sip(ASip((AFile("Content/a.txt", b"a\n", digest="0" * 128),))))
    await bench.process()
    unreadable = await bench.deposit(b"no package at all")
    await bench.process()

    assert [one.transfer_id for one in await bench.told(TransferAcknowledgedV1)] == [refused.id]
    replies = {one.transfer_id: one.reply_key for one in await bench.told(SipRejectedV1)}
    assert replies == {refused.id: (await bench.transfer(refused.id)).reply_key, unreadable.id: None}
    assert replies[refused.id] is not None


async def test_nobody_hears_of_a_dry_run(bench: Bench) -> None:
    judged = await dry_run(bench, bench.sip(), await bench.agreement())

    assert judged.header is not None
    assert await bench.told(TransferAcknowledgedV1) == []
