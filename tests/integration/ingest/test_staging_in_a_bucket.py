"""The whole of ingest's part with its staging in a bucket: nothing but the local copies is otherwise."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.ingest import handlers
from services.ingest.domain.transfer import TransferState
from services.ingest.replies import package_key
from services.local import seaweedfs
from shared.checksums import sha512_of
from shared.messages.data_management import AipCataloguedV1
from shared.messages.ingest import AipBuiltV1
from shared.messages.proof import DepositRecordedV1
from shared.messages.storage import AipStorageRefusedV1
from shared.messaging.outcome import TryAgain
from shared.object_store.errors import NoSuchObject
from tests.contracts.object_stores import bucket_url, prepared
from tests.integration.ingest.bench import Bench

pytestmark = pytest.mark.integration


@pytest.fixture
async def in_a_bucket(bench: Bench, seaweed: seaweedfs.Site) -> AsyncIterator[Bench]:
    async with prepared(bucket_url(seaweed, "staging", "?versions=no")) as staging:
        yield replace(bench, ingest=replace(bench.ingest, staging=staging))


async def test_a_sip_in_a_bucket_becomes_an_aip_in_a_bucket_and_is_granted(in_a_bucket: Bench) -> None:
    bench = in_a_bucket
    content = bench.sip()
    deposited = await bench.deposit(content)
    assert await bench.staged(deposited.staging_key) == content

    await bench.process()
    built = await bench.built(deposited.id)
    assert sha512_of(await bench.staged(built.staging_key)) == built.sha512
    facts = {
        "aip_id": built.aip_id,
        "transfer_id": built.transfer_id,
        "establishment": built.establishment,
        "version": 1,
        "units": 3,
        "objects": 2,
    }
    async with bench.database.begin() as tx:
        await handlers.record_deposit(tx, [AipCataloguedV1.model_validate(facts)])
    async with bench.database.begin() as tx:
        recorded = DepositRecordedV1(transfer_id=built.transfer_id, establishment=built.establishment, positions=())
        await handlers.grant(bench.staging, tx, [recorded])
    await bench.sweep()

    transfer = await bench.transfer(deposited.id)
    assert transfer.state is TransferState.ACCEPTED
    assert b"<GrantDate>" in await bench.staged(str(transfer.reply_key))
    for key in (deposited.staging_key, built.staging_key, package_key(deposited.id)):
        with pytest.raises(NoSuchObject):
            await bench.staging.stat(key)


async def test_other_bytes_under_the_aips_key_make_room_for_the_right_ones(in_a_bucket: Bench) -> None:
    bench = in_a_bucket
    deposited = await bench.deposit()
    await bench.process()
    built = await bench.built(deposited.id)
    await bench.staging.delete(built.staging_key)
    await bench.staging.put(built.staging_key, b"spoiled")

    async with bench.database.begin() as tx:
        refusal = AipStorageRefusedV1(
            aip_id=built.aip_id,
            transfer_id=built.transfer_id,
            establishment=built.establishment,
            reason="other bytes",
        )
        await handlers.build_again(tx, [refusal])
    with pytest.raises(TryAgain):
        await bench.process()
    await bench.release()
    await bench.process()

    assert sha512_of(await bench.staged(built.staging_key)) == built.sha512
    assert [again.sha512 for again in await bench.told(AipBuiltV1)] == [built.sha512] * 2
