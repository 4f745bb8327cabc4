"""What the store of a site promises beyond any other, on a folder and on a real S3 server."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services.local import seaweedfs
from shared.checksums import MIB, sha512_of
from shared.identifiers import new_id
from shared.object_store import errors
from shared.object_store.filesystem_site import FilesystemSite
from shared.object_store.keeping import SiteStore
from shared.object_store.opening import bucket_of
from shared.object_store.port import LockMode, Retention
from shared.object_store.s3_site import S3Site
from tests.contracts.object_stores import a_key, bucket_url, slowly, whole

KINDS = ["filesystem", pytest.param("s3", marks=pytest.mark.integration)]


def a_bucket_site(seaweed: seaweedfs.Site, *, purger: bool = False) -> S3Site:
    return S3Site(bucket_of(urlsplit(bucket_url(seaweed, "contracts", "?lock=yes"))), purger=purger)


@pytest.fixture(params=KINDS)
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SiteStore]:
    opened: SiteStore
    if request.param == "filesystem":
        opened = FilesystemSite(tmp_path / "site")
    else:
        opened = a_bucket_site(request.getfixturevalue("seaweed"))
    await opened.prepare()
    yield opened
    await opened.close()


@pytest.mark.parametrize("size", [100, 9 * MIB], ids=["small", "large"])
@pytest.mark.parametrize("before", [b"bad bytes", None], ids=["bad", "missing"])
async def test_the_right_bytes_are_put_over_what_lies_there(site: SiteStore, size: int, before: bytes | None) -> None:
    key, data = a_key(), os.urandom(size)
    if before is not None:
        await site.put(key, before)

    receipt = await site.put_over(key, slowly(data[:50], data[50:]), size=size, sha512=sha512_of(data))

    assert await whole(site, key, receipt.version_id) == data
    assert await whole(site, key) == data


async def test_wrong_bytes_change_nothing(site: SiteStore) -> None:
    await site.put(key := a_key(), b"what is there")

    with pytest.raises(errors.WrongBytes):
        await site.put_over(key, slowly(b"other"), size=5, sha512=sha512_of(b"right"))

    assert await whole(site, key) == b"what is there"


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


async def test_what_was_put_over_is_an_older_version(site: SiteStore) -> None:
    await site.put(key := a_key(), b"first")
    await site.put_over(key, slowly(b"second!"), size=7, sha512=sha512_of(b"second!"))
    await site.put(f"{key}.other", b"another's")

    assert [(one.key, one.size, one.newest) for one in await site.versions(key)] == [(key, 7, True), (key, 5, False)]


async def test_a_purge_leaves_nothing(site: SiteStore) -> None:
    await site.put(key := a_key(), b"first")
    await site.put_over(key, slowly(b"second"), size=6, sha512=sha512_of(b"second"))
    await site.put(other := f"{key}.other", b"another's")

    await site.purge(key)
    await site.purge(key)

    assert await site.versions(key) == []
    assert await site.topmost(key) is None
    assert await whole(site, other) == b"another's"


@pytest.mark.integration
async def test_a_lock_is_renewed_and_never_shortened(seaweed: seaweedfs.Site) -> None:
    site, until = a_bucket_site(seaweed), datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    await site.prepare()
    receipt = await site.put(key := a_key(), b"ours", retention=Retention(LockMode.GOVERNANCE, until))
    later = Retention(LockMode.GOVERNANCE, until + timedelta(days=1))

    await site.renew(key, receipt.version_id, later)
    with pytest.raises(errors.ObjectLocked):
        await site.renew(key, receipt.version_id, Retention(LockMode.GOVERNANCE, until))

    assert (await site.stat(key, receipt.version_id)).retention == later
    with pytest.raises(errors.ObjectLocked):
        await site.purge(key)
    assert await whole(site, key, receipt.version_id) == b"ours"
    await site.close()
    purger = a_bucket_site(seaweed, purger=True)
    await purger.purge(key)
    assert await purger.versions(key) == []
    await purger.close()
