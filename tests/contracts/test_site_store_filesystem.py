"""A site in a folder: crashes between the steps of a replacement, volumes that go away, names that are no keys."""

import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from heapq import nsmallest
from pathlib import Path

import pytest

from shared.checksums import sha512_of
from shared.object_store import durable_files, errors, filesystem_site
from shared.object_store.filesystem_site import ASIDE, FilesystemSite
from shared.object_store.keeping import Version
from shared.object_store.port import LockMode, Retention
from tests.contracts.object_stores import a_key, whole
from tests.small_disks import MIB, a_small_disk, fill

GOOD = b"the right bytes"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[FilesystemSite]:
    opened = FilesystemSite(tmp_path / "site")
    await opened.prepare()
    yield opened
    await opened.close()


def root_of(site: FilesystemSite) -> Path:
    path = site.path_of("x")
    assert path is not None
    return path.parent


async def put_good_over(site: FilesystemSite, key: str) -> None:
    await site.put_over(key, GOOD, size=len(GOOD), sha512=sha512_of(GOOD))


async def all_of(site: FilesystemSite) -> list[Version]:
    return [one async for one in site.listed()]


def dies_after(call: Callable[..., object]) -> Callable[..., object]:
    def do_and_die(*words: object, **more: object) -> None:
        call(*words, **more)
        raise OSError(errno.EIO, "the machine went down")

    return do_and_die


STEPS: dict[str, tuple[object, str, bytes]] = {
    "made durable": (os, "fsync", b"bad"),
    "set aside": (os, "link", b"bad"),
    "took its place": (Path, "replace", GOOD),
}
"""After which step it dies, and what the key gives then."""


@pytest.mark.parametrize("step", STEPS)
async def test_whoever_dies_in_the_middle_leaves_the_old_bytes_or_the_new_and_is_followed_by_another(
    site: FilesystemSite, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    owner, name, left = STEPS[step]
    await site.put(key := a_key(), b"bad")
    with monkeypatch.context() as crash:
        crash.setattr(owner, name, dies_after(getattr(owner, name)))
        with pytest.raises(errors.StoreUnavailable, match="went down"):
            await put_good_over(site, key)

    assert await whole(site, key) == left
    assert [one.key for one in await all_of(site)] == [key]
    await put_good_over(site, key)

    assert await whole(site, key) == GOOD
    assert [one.key for one in await all_of(site)] == [key]
    await site.purge(key)
    assert (await site.versions(key), await all_of(site)) == ([], [])


async def test_what_a_dead_process_left_half_written_is_no_key(site: FilesystemSite) -> None:
    await site.put(key := a_key(), b"bad")
    descriptor, half = durable_files.create_temporary(root_of(site))
    os.write(descriptor, GOOD[:3])
    os.close(descriptor)

    await put_good_over(site, key)

    assert half.exists()
    assert [one.key for one in await all_of(site)] == [key]


async def test_a_purge_interrupted_between_two_files_goes_on(site: FilesystemSite) -> None:
    await site.put(key := a_key(), b"bad")
    await put_good_over(site, key)
    (root_of(site) / key).unlink()
    assert [(one.size, one.newest) for one in await site.versions(key)] == [(3, False)]

    await site.purge(key)

    assert await site.versions(key) == []
    assert not [path for path in (root_of(site) / ASIDE).rglob("*") if path.is_file()]


async def test_a_replacement_that_finds_the_disk_full_changes_nothing(tmp_path: Path) -> None:
    with a_small_disk(tmp_path / "small", 4 * MIB) as folder:
        site = FilesystemSite(folder)
        await site.prepare()
        await site.put(key := a_key(), b"bad")
        ballast, data = fill(folder, MIB), bytes(2 * MIB)

        with pytest.raises(errors.StoreFull):
            await site.put_over(key, data, size=len(data), sha512=sha512_of(data))
        assert await whole(site, key) == b"bad"
        assert len(await site.versions(key)) == 1
        assert list((folder / durable_files.ARRIVING).iterdir()) == []

        ballast.unlink()
        await site.put_over(key, data, size=len(data), sha512=sha512_of(data))
        assert await whole(site, key) == data
        await site.close()


async def test_what_is_no_key_is_not_listed(site: FilesystemSite) -> None:
    await site.put(key := a_key(), b"ours")
    await put_good_over(site, key)
    root = root_of(site)
    for name in (".hidden", "a/.hidden", "lost+found/#1", "ours/.~lock", "un nom"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"not ours")
    (root / "lost+found").chmod(0)

    assert [one.key for one in await all_of(site)] == [key]


@pytest.mark.parametrize("most", [1, 2, 3, 5, 100])
async def test_a_folder_of_any_size_is_listed_with_few_names_in_memory(
    site: FilesystemSite, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    names = ("a/1", "a/2", "a-b", "a.b", "b", "c/d/1", "c/d/2", "c/e", "d")
    keys = sorted(f"top/{name}" for name in names)
    for key in keys:
        await site.put(key, b"x")
    held: list[int] = []

    def few(count: int, wanted: Iterable[str]) -> list[str]:
        found = nsmallest(count, wanted)
        held.append(len(found))
        return found

    monkeypatch.setattr(filesystem_site, "NAMES_AT_ONCE", most)
    monkeypatch.setattr(filesystem_site, "nsmallest", few)

    assert [one.key for one in await all_of(site)] == keys
    for at, key in enumerate(keys):
        assert [one.key async for one in site.listed("top/", key)] == keys[at + 1 :]
    assert [one.key async for one in site.listed("top/c")] == [key for key in keys if key.startswith("top/c")]
    assert max(held) <= most


async def drained(site: FilesystemSite, key: str) -> None:  # noqa: ARG001 - asked like the others
    await all_of(site)


ASKED: dict[str, Callable[[FilesystemSite, str], Awaitable[object]]] = {
    "listed": drained,
    "versions": FilesystemSite.versions,
    "topmost": FilesystemSite.topmost,
    "purge": FilesystemSite.purge,
    "put_over": put_good_over,
}


@pytest.mark.parametrize("question", ASKED)
@pytest.mark.parametrize("left", ["an empty folder", "nothing"])
async def test_a_volume_that_is_not_mounted_is_away_and_never_empty(
    site: FilesystemSite, question: str, left: str
) -> None:
    await site.put(key := a_key(), b"ours")
    root = root_of(site)
    root.rename(away := root.with_name("unmounted"))
    if left == "an empty folder":
        root.mkdir()

    with pytest.raises(errors.StoreUnavailable, match="mounted"):
        await ASKED[question](site, key)
    if left == "an empty folder":
        assert list(root.iterdir()) == []
        root.rmdir()

    away.rename(root)
    assert await whole(site, key) == b"ours"


async def test_a_volume_that_goes_away_in_the_middle_is_no_end_of_the_list(
    site: FilesystemSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.object_store.filesystem_site._AT_ONCE", 1)
    for name in ("a", "b/1", "c/1"):
        await site.put(name, b"ours")
    root = root_of(site)
    listing = site.listed()
    assert (await anext(listing)).key == "a"
    root.rename(root.with_name("unmounted"))

    with pytest.raises(errors.StoreUnavailable):
        await anext(listing)


async def test_a_folder_locks_and_holds_nothing_and_says_so(site: FilesystemSite) -> None:
    await site.put(key := a_key(), b"ours")
    retention = Retention(LockMode.GOVERNANCE, datetime.now(UTC) + timedelta(days=1))

    for question in (
        site.renew(key, None, retention),
        site.hold(key, None, held=True),
        site.put_over(key, b"x", size=1, sha512=sha512_of(b"x"), retention=retention),
    ):
        with pytest.raises(errors.StoreMisconfigured):
            await question
    assert await whole(site, key) == b"ours"


async def test_what_was_abandoned_goes_while_the_store_is_open_and_what_is_arriving_stays(
    site: FilesystemSite,
) -> None:
    arriving = root_of(site) / durable_files.ARRIVING
    old = datetime.now(UTC) - timedelta(days=2, hours=1)
    for name in ("old", "young"):
        (arriving / name).write_bytes(b"half")
    os.utime(arriving / "old", (old.timestamp(), old.timestamp()))

    assert await site.tidy() == 1
    assert [path.name for path in arriving.iterdir()] == ["young"]
