"""What the filesystem store promises beyond the port's contract."""

import asyncio
import os
import stat
import time
from pathlib import Path

import pytest

from shared.checksums import MIB
from shared.object_store import errors
from shared.object_store.durable_files import ARRIVING, store_errors
from shared.object_store.filesystem import FilesystemStore
from tests.contracts.object_stores import a_key, whole


@pytest.fixture
async def store(tmp_path: Path) -> FilesystemStore:
    opened = FilesystemStore(tmp_path / "site")
    await opened.prepare()
    return opened


async def test_files_are_readable_by_children_and_writable_by_nobody(store: FilesystemStore) -> None:
    await store.put(key := a_key(), b"sealed")

    path = store.path_of(key)

    assert path is not None
    assert path.read_bytes() == b"sealed"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


async def test_nothing_unfinished_stays_behind(store: FilesystemStore, tmp_path: Path) -> None:
    await store.put(key := a_key(), b"one")
    with pytest.raises(errors.KeyTaken):
        await store.put(key, b"two")
    async with store.writer(a_key()) as writer:
        await writer.write(os.urandom(3 * MIB))

    assert list((tmp_path / "site" / ARRIVING).iterdir()) == []


async def test_an_upload_cancelled_in_the_middle_of_a_block_leaves_nothing(
    store: FilesystemStore, tmp_path: Path
) -> None:
    async def upload() -> None:
        async with store.writer(a_key()) as writer:
            while True:
                await writer.write(bytes(4 * MIB))

    for turns in range(1, 30):
        task = asyncio.create_task(upload())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert list((tmp_path / "site" / ARRIVING).iterdir()) == []


async def test_a_volume_that_is_not_mounted_loses_no_object(store: FilesystemStore, tmp_path: Path) -> None:
    await store.put(key := a_key(), b"safe")
    (tmp_path / "site").rename(tmp_path / "unmounted")
    (tmp_path / "site").mkdir()

    for question in (store.stat(key), store.put(a_key(), b"x"), store.open_range(key), store.probe()):
        with pytest.raises(errors.StoreUnavailable):
            await question
    assert list((tmp_path / "site").iterdir()) == []

    (tmp_path / "site").rmdir()
    (tmp_path / "unmounted").rename(tmp_path / "site")
    assert await whole(store, key) == b"safe"


def test_a_full_disk_is_said_to_be_full() -> None:
    # /dev/full answers every write as a full disk does.
    with pytest.raises(errors.StoreFull), store_errors(Path("/"), "key"):
        Path("/dev/full").write_bytes(b"x")


async def test_leftovers_of_dead_processes_go_after_two_days(store: FilesystemStore, tmp_path: Path) -> None:
    old, fresh = (tmp_path / "site" / ARRIVING / name for name in ("old", "fresh"))
    for path in (old, fresh):
        path.write_bytes(b"half")
    three_days_ago = time.time() - 3 * 24 * 3600
    os.utime(old, (three_days_ago, three_days_ago))

    await store.prepare()

    assert (old.exists(), fresh.exists()) == (False, True)


async def test_a_bad_byte_on_the_medium_is_seen_by_a_read_back(store: FilesystemStore) -> None:
    await store.put(key := a_key(), bytes(MIB))
    before = await store.sha512(key, cold=True)
    path = store.path_of(key)
    assert path is not None
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"?")

    assert await store.sha512(key, cold=True) != before


async def test_a_copy_shares_no_file_with_its_source(store: FilesystemStore, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(data := bytes(MIB))
    await store.put(key := a_key(), tmp_path / "source")

    (tmp_path / "source").write_bytes(b"changed")

    assert await whole(store, key) == data
