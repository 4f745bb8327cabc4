"""Stores for the contract suite: a folder, and buckets on a real SeaweedFS started for the occasion."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

from services.local import seaweedfs
from shared.identifiers import new_id
from shared.object_store.opening import bucket_of, open_store
from shared.object_store.port import ObjectStore
from shared.object_store.s3_site import S3Site
from shared.object_store.s3_wire import Bucket


def bucket_url(site: seaweedfs.Site, bucket: str, options: str = "", keys_of: seaweedfs.Keys | None = None) -> str:
    """Say how a bucket is opened: with every right, unless somebody is named."""
    who = keys_of or site.root
    keys = f"{quote(who.access_key, safe='')}:{quote(who.secret_key, safe='')}"
    return f"s3+http://{keys}@{site.endpoint}/{bucket}{options}"


SHARED = "contracts"  # a new bucket costs the server its first volumes; keys are fresh in every test


def a_bucket(site: seaweedfs.Site, keys_of: seaweedfs.Keys, name: str = SHARED) -> Bucket:
    """Describe a locked bucket as somebody opens it."""
    return bucket_of(urlsplit(bucket_url(site, name, "?lock=yes", keys_of)))


def a_site_in_a_bucket(site: seaweedfs.Site, keys_of: seaweedfs.Keys, *, bypass: bool = False) -> S3Site:
    """Open a site as somebody; its bucket is made by root, as an operator does."""
    seaweedfs.ensure_bucket(site.client(), SHARED)
    return S3Site(a_bucket(site, keys_of), bypass=bypass)


@contextmanager
def running_seaweedfs(folder: Path) -> Iterator[seaweedfs.Site]:
    site = seaweedfs.start(folder)
    try:
        yield site
    finally:
        # Its objects go with it: nobody waits for the seconds that good order takes.
        seaweedfs.kill(folder)


@asynccontextmanager
async def prepared(url: str) -> AsyncIterator[ObjectStore]:
    store = open_store(url)
    await store.prepare()
    try:
        yield store
    finally:
        await store.close()


def a_key(name: str = "object.bin") -> str:
    return f"{new_id()}/aips/{name}"


async def whole(store: ObjectStore, key: str, version_id: str | None = None) -> bytes:
    return b"".join([chunk async for chunk in await store.open_range(key, version_id)])


async def slowly(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk
