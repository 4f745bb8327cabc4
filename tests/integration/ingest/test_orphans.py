"""What a dead request left in staging goes after a day; what a transfer names stays, however old."""

import os
import time

import pytest

from services.ingest.orphans import ORPHANED_AFTER, forget_orphans
from services.ingest.reception import Parcel, receive
from shared.identifiers import new_id
from shared.object_store.errors import NoSuchObject
from tests.integration.ingest.bench import Bench, an_agreement, in_chunks

pytestmark = pytest.mark.integration


def age(bench: Bench, key: str) -> None:
    path = bench.ingest.staging.path_of(key)
    assert path is not None
    long_ago = time.time() - ORPHANED_AFTER.total_seconds() - 60
    os.utime(path, (long_ago, long_ago))


async def test_old_sips_of_no_transfer_leave_staging_and_no_other(bench: Bench) -> None:
    parcel = Parcel(in_chunks(b"a deposit that goes on"), None, {}, "versement.zip")
    transfer, _ = await receive(bench.ingest, an_agreement(), "client:pastell", parcel)
    orphan, young, strange = f"sips/{new_id()}", f"sips/{new_id()}", "sips/notes.txt"
    for key in (orphan, young, strange):
        await bench.ingest.staging.put(key, key.encode())
    for key in (transfer.staging_key, orphan, strange):
        age(bench, key)

    assert await forget_orphans(bench.ingest.staging, bench.ingest.database) == 1
    assert await forget_orphans(bench.ingest.staging, bench.ingest.database) == 0

    with pytest.raises(NoSuchObject):
        await bench.ingest.staging.stat(orphan)
    for key in (transfer.staging_key, young, strange):
        assert (await bench.ingest.staging.stat(key)).size > 0


async def test_a_sip_that_was_written_again_after_its_transfer_had_ended_goes_too(bench: Bench) -> None:
    deposited = await bench.deposit(b"no package at all")
    await bench.process()
    await bench.sweep()
    assert (await bench.transfer(deposited.id)).state == "rejected"
    await bench.staging.put(deposited.staging_key, b"no package at all")
    age(bench, deposited.staging_key)

    assert await forget_orphans(bench.staging, bench.database) == 1
