"""What every object store promises, on a folder and on a real S3 server."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from shared.checksums import MIB, sha512_of
from shared.object_store import errors
from shared.object_store.port import ObjectStore
from tests.contracts.object_stores import a_key, bucket_url, prepared, slowly, whole

KINDS = ["filesystem", pytest.param("s3", marks=pytest.mark.integration)]


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    if request.param == "filesystem":
        url = (tmp_path / "site").as_uri()
    else:
        url = bucket_url(request.getfixturevalue("seaweed"), "contracts", "?lock=yes")
    async with prepared(url) as opened:
        yield opened


async def test_what_is_put_is_what_is_read(store: ObjectStore) -> None:
    key, data = a_key(), os.urandom(3 * MIB + 17)

    receipt = await store.put(key, data, size=len(data), sha512=sha512_of(data))

    assert (receipt.key, receipt.size, receipt.already_there) == (key, len(data), False)
    assert await whole(store, key, receipt.version_id) == data


async def test_a_local_file_is_put(store: ObjectStore, tmp_path: Path) -> None:
    key, source = a_key(), tmp_path / "source"
    source.write_bytes(data := os.urandom(9 * MIB + 1))

    receipt = await store.put(key, source, size=len(data), sha512=sha512_of(data))

    assert await whole(store, key, receipt.version_id) == data


async def test_an_adopted_file_becomes_the_object_and_is_gone(store: ObjectStore, tmp_path: Path) -> None:
    data = os.urandom(MIB)
    for folder in (store.scratch() or tmp_path, tmp_path):
        key, source = a_key(), folder / "made-here"
        source.write_bytes(data)

        receipt = await store.adopt(key, source, size=len(data), sha512=sha512_of(data))

        assert await whole(store, key, receipt.version_id) == data
        assert not source.exists()


async def test_a_file_adopted_again_after_a_crash_is_recognised(store: ObjectStore, tmp_path: Path) -> None:
    key, data = a_key(), os.urandom(MIB)
    receipts = []
    for name in ("first", "again"):
        source = (store.scratch() or tmp_path) / name
        source.write_bytes(data)
        receipts.append(await store.adopt(key, source, size=len(data), sha512=sha512_of(data)))
    other = (store.scratch() or tmp_path) / "other"
    other.write_bytes(os.urandom(MIB))

    assert [receipt.already_there for receipt in receipts] == [False, True]
    with pytest.raises(errors.KeyTaken):
        await store.adopt(key, other, size=MIB, sha512=sha512_of(other.read_bytes()))


async def test_a_stream_is_put_and_verified_as_it_passes(store: ObjectStore) -> None:
    key, chunks = a_key(), [os.urandom(700_000) for _ in range(31)]
    data = b"".join(chunks)

    receipt = await store.put(key, slowly(*chunks), size=len(data), sha512=sha512_of(data))

    assert await whole(store, key, receipt.version_id) == data


async def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    key = a_key()

    receipt = await store.put(key, b"")

    assert await whole(store, key, receipt.version_id) == b""
    assert (await store.sha512(key)).size == 0


@pytest.mark.parametrize("size", [100, 12 * MIB])
async def test_the_same_bytes_again_get_the_first_objects_receipt(store: ObjectStore, size: int) -> None:
    key, data = a_key(), os.urandom(size)
    first = await store.put(key, data)

    again = await store.put(key, data, size=size, sha512=sha512_of(data))

    assert again.already_there
    assert (again.version_id, again.size) == (first.version_id, size)


async def test_a_stream_of_the_same_bytes_takes_over_too(store: ObjectStore, tmp_path: Path) -> None:
    key, data = a_key(), os.urandom(12 * MIB)
    (tmp_path / "source").write_bytes(data)
    first = await store.put(key, slowly(data))

    streamed = await store.put(key, slowly(data[:MIB], data[MIB:]))
    copied = await store.put(key, tmp_path / "source")

    assert (streamed.already_there, copied.already_there) == (True, True)
    assert streamed.version_id == copied.version_id == first.version_id


@pytest.mark.parametrize("size", [100, 12 * MIB])
async def test_other_bytes_under_a_taken_key_are_refused(store: ObjectStore, size: int) -> None:
    key, data = a_key(), os.urandom(size)
    first = await store.put(key, data)

    for other in (os.urandom(size), data + b"!"):
        with pytest.raises(errors.KeyTaken):
            await store.put(key, other)
        with pytest.raises(errors.KeyTaken):
            await store.put(key, slowly(other))

    assert (await store.stat(key)).version_id == first.version_id
    assert await whole(store, key) == data


async def test_of_many_at_once_one_wins_and_the_others_learn_it(store: ObjectStore) -> None:
    key, candidates = a_key(), [bytes([number]) * 5000 for number in range(8)]

    outcomes = await asyncio.gather(*(store.put(key, data) for data in candidates), return_exceptions=True)

    winners = [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, BaseException)]
    assert len(winners) == 1
    assert all(isinstance(o, errors.KeyTaken) for n, o in enumerate(outcomes) if n not in winners)
    assert await whole(store, key) == candidates[winners[0]]


async def test_many_writers_of_one_object_all_succeed(store: ObjectStore) -> None:
    key, data = a_key(), os.urandom(5000)

    receipts = await asyncio.gather(*(store.put(key, data) for _ in range(8)))

    assert len({receipt.version_id for receipt in receipts}) == 1
    assert sum(not receipt.already_there for receipt in receipts) == 1


async def test_ranges_are_exact(store: ObjectStore) -> None:
    key, data = a_key(), os.urandom(9 * MIB)
    await store.put(key, data)

    for offset, length in ((0, 1), (5, 0), (MIB - 1, 2), (8 * MIB - 3, 2 * MIB - 3 - MIB), (9 * MIB - 1, 1)):
        chunks = [chunk async for chunk in await store.open_range(key, None, offset, length)]
        assert b"".join(chunks) == data[offset : offset + length]
        assert all(len(chunk) <= MIB for chunk in chunks)
    assert b"".join([chunk async for chunk in await store.open_range(key, None, MIB)]) == data[MIB:]


@pytest.mark.parametrize(("offset", "length"), [(0, 11), (10, 1), (9, 2), (11, 0), (-1, 5), (20, None)])
async def test_a_range_beyond_the_object_is_refused_at_once(
    store: ObjectStore, offset: int, length: int | None
) -> None:
    key = a_key()
    await store.put(key, b"0123456789")

    with pytest.raises(errors.NoSuchRange):
        await store.open_range(key, None, offset, length)


async def test_a_read_given_up_half_way_harms_nothing(store: ObjectStore) -> None:
    key, data = a_key(), os.urandom(4 * MIB)
    await store.put(key, data)

    for _ in range(20):
        chunks = await store.open_range(key)
        await anext(chunks)
        await chunks.aclose()

    assert await whole(store, key) == data


async def test_what_is_absent_is_said_to_be_absent(store: ObjectStore, tmp_path: Path) -> None:
    key = a_key()

    for question in (
        store.open_range(key),
        store.open_range(key, None, 0, 0),
        store.stat(key),
        store.sha512(key),
        store.fetch_to(key, tmp_path / "copy"),
    ):
        with pytest.raises(errors.NoSuchObject):
            await question


async def test_the_whole_object_is_read_back_and_measured(store: ObjectStore) -> None:
    key, data = a_key(), os.urandom(9 * MIB + 5)
    receipt = await store.put(key, data)

    for cold in (False, True):
        found = await store.sha512(key, receipt.version_id, cold=cold)
        assert (found.sha512, found.size) == (hashlib.sha512(data).hexdigest(), len(data))


async def test_an_object_tells_its_size_and_time(store: ObjectStore) -> None:
    key = a_key()
    receipt = await store.put(key, b"abc")

    facts = await store.stat(key, receipt.version_id)

    assert (facts.size, facts.version_id) == (3, receipt.version_id)
    assert abs(facts.modified_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_an_object_is_fetched_to_a_new_local_file(store: ObjectStore, tmp_path: Path) -> None:
    key, data = a_key(), os.urandom(2 * MIB + 3)
    await store.put(key, data)

    assert await store.fetch_to(key, tmp_path / "copy") == len(data)
    assert (tmp_path / "copy").read_bytes() == data


@pytest.mark.parametrize("size", [0, 10, 3 * MIB, 21 * MIB + 7])
async def test_a_writer_measures_what_it_receives(store: ObjectStore, size: int) -> None:
    key, data = a_key(), os.urandom(size)

    async with store.writer(key, also=("sha256",)) as writer:
        for start in range(0, size, 65_537):
            await writer.write(data[start : start + 65_537])
        assert writer.size == size
        written = await writer.commit(size=size, digests={"sha256": hashlib.sha256(data).hexdigest().upper()})

    assert (written.measure.sha512, written.measure.size) == (sha512_of(data), size)
    assert written.other_digests == {"sha256": hashlib.sha256(data).hexdigest()}
    assert await whole(store, key, written.receipt.version_id) == data


@pytest.mark.parametrize("size", [10, 21 * MIB])
async def test_an_upload_given_up_leaves_nothing(store: ObjectStore, size: int) -> None:
    key = a_key()

    async with store.writer(key) as writer:
        await writer.write(os.urandom(size))

    with pytest.raises(errors.NoSuchObject):
        await store.stat(key)
    await store.put(key, b"free again")


@pytest.mark.parametrize("size", [10, 21 * MIB])
async def test_an_upload_that_is_not_what_was_announced_leaves_nothing(store: ObjectStore, size: int) -> None:
    key, data = a_key(), os.urandom(size)

    with pytest.raises(errors.WrongBytes):
        await store.put(key, slowly(data), sha512=sha512_of(b"other"))
    with pytest.raises(errors.WrongBytes):
        await store.put(key, slowly(data), size=size + 1)
    with pytest.raises(errors.WrongBytes):
        await store.put(key, data, size=size + 1)
    with pytest.raises(errors.WrongBytes):
        await store.put(key, data, sha512=sha512_of(b"other"))

    with pytest.raises(errors.NoSuchObject):
        await store.stat(key)


async def test_a_file_of_another_size_than_announced_is_refused(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"1234")

    with pytest.raises(errors.WrongBytes):
        await store.put(key := a_key(), tmp_path / "source", size=5)

    with pytest.raises(errors.NoSuchObject):
        await store.stat(key)


async def test_what_was_left_behind_is_named_by_its_age(store: ObjectStore) -> None:
    folder = f"left-{uuid4().hex[:8]}"
    keys = {f"{folder}/{number}" for number in range(3)}
    for key in keys:
        await store.put(key, b"left")
    soon, earlier = datetime.now(UTC) + timedelta(minutes=1), datetime.now(UTC) - timedelta(minutes=1)

    assert set(await store.left_behind(folder, soon, 10)) == keys
    assert len(await store.left_behind(folder, soon, 2)) == 2
    assert await store.left_behind(folder, earlier, 10) == []
    assert await store.left_behind("nothing-here", soon, 10) == []


async def test_deleting_twice_is_deleting(store: ObjectStore) -> None:
    receipt = await store.put(key := a_key(), b"staged")

    await store.delete(key, receipt.version_id)
    await store.delete(key, receipt.version_id)

    with pytest.raises(errors.NoSuchObject):
        await store.stat(key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "a/../b",
        "..",
        "a//b",
        "a/",
        "a/./b",
        ".arriving/x",
        "a\0b",
        "a b",
        "é",
        "x" * 1000,
        "a\\b",
    ],
)
async def test_unsafe_keys_are_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(errors.UnsafeKey):
        await store.put(key, b"x")
    with pytest.raises(errors.UnsafeKey):
        await store.open_range(key)
    with pytest.raises(errors.UnsafeKey):
        store.writer(key)
    with pytest.raises(errors.UnsafeKey):
        await store.delete(key)


async def test_a_store_in_use_is_prepared_and_probed_again(store: ObjectStore) -> None:
    await store.put(key := a_key(), b"kept")

    await store.prepare()
    await store.probe()

    assert await whole(store, key) == b"kept"


async def test_a_large_stream_passes_in_little_memory(store: ObjectStore) -> None:
    process, key, seen = psutil.Process(), a_key(), []

    async def large() -> AsyncIterator[bytes]:
        for number in range(160):
            seen.append(process.memory_info().rss)
            yield bytes([number]) * MIB

    await store.put(a_key(), os.urandom(MIB))
    before = process.memory_info().rss
    await store.put(key, large())
    seen += [process.memory_info().rss async for _ in await store.open_range(key)]

    assert max(seen) - before < 60 * MIB
