"""What the S3 store promises beyond the port's contract, on a real SeaweedFS."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from minio.error import S3Error

from services.local import seaweedfs
from shared.checksums import MIB, sha512_of
from shared.identifiers import new_id
from shared.object_store import errors
from shared.object_store.opening import make_ready, open_store
from shared.object_store.port import LockMode, ObjectStore, Retention
from tests.contracts.object_stores import SHARED, a_key, bucket_url, prepared, running_seaweedfs, slowly, whole

pytestmark = pytest.mark.integration


@pytest.fixture
def bucket() -> str:
    return f"b{new_id().hex}"


@pytest.fixture
async def store(seaweed: seaweedfs.Site) -> AsyncIterator[ObjectStore]:
    """A bucket that root made, as the service opens it."""
    seaweedfs.ensure_bucket(seaweed.client(), SHARED)
    async with prepared(bucket_url(seaweed, SHARED, "?lock=yes", seaweed.service)) as opened:
        yield opened


def a_retention(mode: LockMode) -> Retention:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    return Retention(mode, until)


@pytest.mark.parametrize("mode", LockMode)
@pytest.mark.parametrize("size", [10, 9 * MIB])
async def test_what_is_retained_cannot_be_deleted(store: ObjectStore, mode: LockMode, size: int) -> None:
    key, data, retention = a_key(), os.urandom(size), a_retention(mode)

    receipt = await store.put(key, data, retention=retention)

    assert (await store.stat(key, receipt.version_id)).retention == retention
    with pytest.raises(errors.ObjectLocked):
        await store.delete(key, receipt.version_id)
    assert await whole(store, key, receipt.version_id) == data


async def test_every_receipt_names_the_version(store: ObjectStore) -> None:
    small = await store.put(a_key(), b"small")
    large = await store.put(a_key(), os.urandom(17 * MIB))
    streamed = await store.put(a_key(), slowly(os.urandom(21 * MIB)))

    assert all((small.version_id, large.version_id, streamed.version_id))


async def test_a_recorded_version_is_read_even_when_a_stranger_wrote_over_it(
    store: ObjectStore, seaweed: seaweedfs.Site, tmp_path: Path
) -> None:
    receipt = await store.put(key := a_key(), b"ours")
    (tmp_path / "theirs").write_bytes(b"theirs")
    seaweed.client().fput_object(SHARED, key, str(tmp_path / "theirs"))
    seaweed.client().remove_object(SHARED, key)

    assert await whole(store, key, receipt.version_id) == b"ours"
    assert (await store.sha512(key, receipt.version_id)).sha512 == sha512_of(b"ours")
    with pytest.raises(errors.NoSuchObject):
        await store.stat(key)


async def test_an_unknown_version_is_no_object(store: ObjectStore) -> None:
    receipt = await store.put(key := a_key(), b"ours")
    assert receipt.version_id is not None
    unknown = receipt.version_id[:-8] + "00000000"

    with pytest.raises(errors.NoSuchObject):
        await store.stat(key, unknown)
    with pytest.raises(errors.NoSuchObject):
        await store.open_range(key, unknown)


async def test_abandoned_parts_are_forgotten_by_the_server(store: ObjectStore, seaweed: seaweedfs.Site) -> None:
    async with store.writer(abandoned := a_key()) as writer:
        await writer.write(os.urandom(25 * MIB))
    await store.put(taken := a_key(), b"first")
    with pytest.raises(errors.KeyTaken):
        await store.put(taken, slowly(os.urandom(25 * MIB)))

    left = seaweed.client()._list_multipart_uploads(SHARED)  # noqa: SLF001 - minio offers no public way

    assert {abandoned, taken}.isdisjoint(upload.object_name for upload in left.uploads)


async def test_a_missing_bucket_is_a_store_away_and_not_a_lost_object(seaweed: seaweedfs.Site) -> None:
    store = open_store(bucket_url(seaweed, "never-made"))

    for question in (store.stat(a_key()), store.open_range(a_key()), store.put(a_key(), b"x"), store.probe()):
        with pytest.raises(errors.StoreUnavailable):
            await question
    await store.close()


async def test_wrong_keys_are_a_store_away(seaweed: seaweedfs.Site, store: ObjectStore) -> None:
    receipt = await store.put(key := a_key(), b"x")
    intruder = open_store(f"s3+http://nobody:wrong@{seaweed.endpoint}/{SHARED}")

    for question in (intruder.stat(key), intruder.put(a_key(), b"x"), intruder.open_range(key)):
        with pytest.raises(errors.StoreUnavailable):
            await question
    assert await whole(store, key, receipt.version_id) == b"x"
    await intruder.close()


async def test_a_bucket_without_versions_or_lock_is_refused_by_the_probe(
    seaweed: seaweedfs.Site, bucket: str
) -> None:
    seaweed.client().make_bucket(bucket)
    plain = open_store(bucket_url(seaweed, bucket))
    locked = open_store(bucket_url(seaweed, bucket, "?versions=no&lock=yes"))

    for store in (plain, locked):
        with pytest.raises(errors.StoreMisconfigured):
            await store.probe()
        await store.close()


async def test_what_we_may_not_mend_in_a_bucket_is_named_and_not_waited_for(
    seaweed: seaweedfs.Site, bucket: str
) -> None:
    seaweed.client().make_bucket(bucket)
    store = open_store(bucket_url(seaweed, bucket, "?lock=yes", seaweed.service))

    with pytest.raises(errors.StoreMisconfigured, match="keeps no versions"):
        await make_ready(store)
    await store.close()


async def test_a_staging_bucket_may_do_without_versions(seaweed: seaweedfs.Site, bucket: str) -> None:
    async with prepared(bucket_url(seaweed, bucket, "?versions=no&checksum=no")) as staging:
        await staging.probe()
        await staging.put(key := a_key(), slowly(data := os.urandom(12 * MIB)))
        assert await whole(staging, key) == data
        await staging.delete(key)

        with pytest.raises(errors.NoSuchObject):
            await staging.stat(key)


async def test_a_server_that_dies_and_returns_keeps_what_it_took(tmp_path: Path) -> None:
    with running_seaweedfs(tmp_path) as site:
        async with prepared(bucket_url(site, "site-b")) as store:
            receipt = await store.put(key := a_key(), data := os.urandom(9 * MIB))
            seaweedfs.kill(tmp_path)

            for question in (
                store.put(a_key(), b"x"),
                store.put(a_key(), slowly(bytes(9 * MIB), bytes(9 * MIB))),
                store.stat(key),
                store.open_range(key),
                store.sha512(key),
                store.probe(),
            ):
                with pytest.raises(errors.StoreUnavailable):
                    await question

            await asyncio.to_thread(seaweedfs.start, tmp_path)
            assert await whole(store, key, receipt.version_id) == data
            assert (await store.put(key, data)).already_there


async def test_a_server_that_dies_in_the_middle_of_a_read_is_noticed(tmp_path: Path) -> None:
    with running_seaweedfs(tmp_path) as site:
        async with prepared(bucket_url(site, "site-b")) as store:
            await store.put(key := a_key(), os.urandom(64 * MIB))
            chunks = await store.open_range(key)
            await anext(chunks)
            seaweedfs.kill(tmp_path)

            with pytest.raises(errors.StoreUnavailable):
                async for _ in chunks:
                    pass


async def test_the_server_refuses_bytes_damaged_on_their_way(seaweed: seaweedfs.Site, bucket: str) -> None:
    seaweed.client().make_bucket(bucket)
    with pytest.raises(S3Error, match="BadDigest"):
        seaweed.client()._put_object(  # noqa: SLF001 - what our own checksum header relies upon
            bucket, a_key(), b"damaged", headers={"x-amz-checksum-sha256": "A" * 43 + "="}
        )
