"""A rebuild from a bucket: what was recorded is read, whatever a stranger has put on top of it or hidden."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from minio import Minio

from bench.kept_sites import KeptSite
from services.local import seaweedfs
from services.storage.sites import bucket_of
from shared.object_store.s3_site import S3Site
from shared.rooms import ROOMS
from tests.integration.rebuild.ruins import Ruins
from tests.integration.storage.conftest import two_buckets
from tests.servers import Databases

pytestmark = pytest.mark.integration

BUCKET = "rebuild-a"


@pytest.fixture
async def bucket(seaweed: seaweedfs.Site) -> AsyncIterator[S3Site]:
    # Its operator makes the bucket; the service, whose keys the rebuild reads with, may not.
    seaweedfs.ensure_bucket(seaweed.client(), BUCKET)
    declared, _ = two_buckets(seaweed)
    store = S3Site(bucket_of(declared.model_copy(update={"bucket": BUCKET})))
    await store.prepare()
    yield store
    await store.close()


def kept_in(client: Minio) -> KeptSite:
    """One small AIP in the bucket, with the versions that it gave in the write log."""

    def put(key: str, content: bytes) -> str:
        return client.put_object(BUCKET, key, io.BytesIO(content), len(content)).version_id or ""

    site = KeptSite(seed="bucket", lines_each=6, put=put)
    site.found()
    site.deposit(3)
    site.close()
    return site


async def test_what_a_stranger_puts_on_top_or_hides_changes_nothing_that_comes_back(
    bucket: S3Site, seaweed: seaweedfs.Site, databases: Databases, tmp_path: Path
) -> None:
    client = seaweed.client()
    kept = await asyncio.to_thread(kept_in, client)
    covered = [key for key in kept.objects if key.endswith(".tar") or "/agreement/" in key]
    (marked,) = [key for key in kept.objects if "/organisation/" in key]
    for key in covered:
        await asyncio.to_thread(client.put_object, BUCKET, key, io.BytesIO(b"strange"), 7)
    await asyncio.to_thread(client.remove_object, BUCKET, marked)
    ruins = Ruins(databases, {room: databases.room(room) for room in ROOMS}, bucket, tmp_path, {})

    report = await ruins.rebuild()

    # What a stranger has put there is told of all the same; of the last container no line tells, and no other site.
    last = max(key for key in kept.objects if key.startswith("platform/journals/writes/"))
    assert {(one.code, one.place) for one in report.findings} == {
        *(("size_differs", key) for key in covered),
        ("object_hidden", marked),
        ("without_line", last),
    }
    counts = await ruins.counts()
    assert (counts["data_management.unit"], counts["ingest.transfer"], counts["admin.organisation"]) == (3, 1, 1)
    recorded = await ruins.rows("SELECT version_id FROM storage.copy WHERE site = 'a' AND version_id IS NOT NULL")
    assert len(recorded) >= len(covered) + 1
    for room in ruins.rooms.values():
        await room.engine.dispose()
