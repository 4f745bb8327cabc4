"""What the store of a site promises beyond any other, on a folder and on a real S3 server, with our own keys."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.checksums import MIB, sha512_of
from shared.identifiers import new_id
from shared.object_store import errors
from shared.object_store.filesystem_site import FilesystemSite
from shared.object_store.keeping import SiteStore
from shared.object_store.port import Source
from tests.contracts.object_stores import a_key, a_site_in_a_bucket, slowly, whole

KINDS = ["filesystem", pytest.param("s3", marks=pytest.mark.integration)]


@dataclass(frozen=True)
class Place:
    """One site as the service opens it, and as its purger does."""

    site: SiteStore
    purger: SiteStore


@pytest.fixture(params=KINDS)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "filesystem":
        folder = FilesystemSite(tmp_path / "site")
        opened = Place(folder, folder)
    else:
        seaweed = request.getfixturevalue("seaweed")
        purger = a_site_in_a_bucket(seaweed, seaweed.purger, bypass=True)
        opened = Place(a_site_in_a_bucket(seaweed, seaweed.service), purger)
    await opened.site.prepare()
    yield opened
    await opened.site.close()
    await opened.purger.close()


@pytest.fixture
def site(place: Place) -> SiteStore:
    return place.site


@pytest.mark.parametrize("size", [100, 9 * MIB], ids=["small", "large"])
@pytest.mark.parametrize("before", [b"bad bytes", None], ids=["bad", "missing"])
async def test_the_right_bytes_are_put_over_what_lies_there(site: SiteStore, size: int, before: bytes | None) -> None:
    key, data = a_key(), os.urandom(size)
    if before is not None:
        await site.put(key, before)

    receipt = await site.put_over(key, slowly(data[:50], data[50:]), size=size, sha512=sha512_of(data))

    assert await whole(site, key, receipt.version_id) == data
    assert await whole(site, key) == data


@pytest.mark.parametrize("size", [100, 9 * MIB], ids=["small", "large"])
@pytest.mark.parametrize("kind", ["bytes", "file"])
async def test_they_may_come_from_a_file_or_from_memory(
    site: SiteStore, tmp_path: Path, size: int, kind: str
) -> None:
    await site.put(key := a_key(), b"bad bytes")
    data = os.urandom(size)
    (tmp_path / "good").write_bytes(data)
    source: Source = data if kind == "bytes" else tmp_path / "good"

    receipt = await site.put_over(key, source, size=size, sha512=sha512_of(data))

    assert (receipt.key, receipt.size, receipt.already_there) == (key, size, False)
    assert await whole(site, key, receipt.version_id) == data


@pytest.mark.parametrize("kind", ["bytes", "file", "stream"])
@pytest.mark.parametrize("lie", ["digest", "size"])
async def test_wrong_bytes_change_nothing(site: SiteStore, tmp_path: Path, kind: str, lie: str) -> None:
    await site.put(key := a_key(), b"what is there")
    (tmp_path / "wrong").write_bytes(b"other")
    sources: dict[str, Source] = {"bytes": b"other", "file": tmp_path / "wrong", "stream": slowly(b"other")}
    size, said = (5, b"right") if lie == "digest" else (6, b"other")

    with pytest.raises(errors.WrongBytes):
        await site.put_over(key, sources[kind], size=size, sha512=sha512_of(said))

    assert await whole(site, key) == b"what is there"
    assert len(await site.versions(key)) == 1


async def test_what_was_put_over_before_a_crash_may_be_put_over_again(site: SiteStore) -> None:
    await site.put(key := a_key(), b"bad bytes")

    receipts = [await site.put_over(key, b"good", size=4, sha512=sha512_of(b"good")) for _ in range(2)]

    for receipt in receipts:
        assert await whole(site, key, receipt.version_id) == b"good"
    assert [one.key async for one in site.listed(key)] == [key]


async def test_what_was_replaced_stays_in_sight_until_the_key_is_purged(place: Place) -> None:
    await place.site.put(key := a_key(), b"bad")
    await place.site.put_over(key, b"good", size=4, sha512=sha512_of(b"good"))

    found = await place.site.versions(key)

    assert [(one.size, one.newest, one.marker) for one in found] == [(4, True, False), (3, False, False)]


async def test_the_list_is_in_the_order_of_keys_and_goes_on_from_any(site: SiteStore) -> None:
    top = str(new_id())
    keys = sorted(f"{top}/{name}" for name in ("a/1.tar", "a/2.tar", "a/3-v1.tar", "b/c/d", "b/e.tar", "c"))
    for key in reversed(keys):
        await site.put(key, key.encode())

    listed = [one async for one in site.listed(f"{top}/")]

    assert [one.key for one in listed] == keys
    assert [one.size for one in listed] == [len(key) for key in keys]
    for at, key in enumerate(keys):
        assert [one.key async for one in site.listed(f"{top}/", key)] == keys[at + 1 :]
    assert [one.key async for one in site.listed(f"{top}/a")] == keys[:3]


async def test_nothing_is_held_that_nobody_held(site: SiteStore) -> None:
    receipt = await site.put(key := a_key(), b"x")

    assert await site.is_held(key, receipt.version_id) is False


async def test_a_purge_leaves_nothing_and_may_be_asked_for_again(place: Place) -> None:
    site = place.site
    await site.put(key := a_key(), b"first")
    await site.put_over(key, slowly(b"second"), size=6, sha512=sha512_of(b"second"))
    others = [f"{key}.other", f"{key}-other/below"]
    for other in others:
        await site.put(other, b"another's")
        await site.put_over(other, b"another's", size=9, sha512=sha512_of(b"another's"))

    await place.purger.purge(key)
    await place.purger.purge(key)

    assert await site.versions(key) == []
    assert await site.topmost(key) is None
    for other in others:
        assert await whole(site, other) == b"another's"
        assert len(await site.versions(other)) == 2


async def test_a_key_that_never_was_is_purged_without_a_word(place: Place) -> None:
    await place.purger.purge(key := a_key())

    assert await place.site.versions(key) == []


async def test_folders_at_the_top_are_told_once_each(site: SiteStore) -> None:
    key = a_key()
    for one in (f"b-{key}/two", f"a-{key}/x/one", f"a-{key}/y/two"):
        await site.put(one, b"it")

    found = await site.folders()

    ours = [one for one in found if one.startswith(tuple(f"{first}-" + key.partition("/")[0] for first in "ab"))]
    assert ours == [f"{first}-{key}".partition("/")[0] for first in "ab"]
