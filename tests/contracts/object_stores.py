"""Stores for the contract suite: a folder, and buckets on a real SeaweedFS started for the occasion."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import quote

from services.local import seaweedfs
from shared.identifiers import new_id
from shared.object_store.opening import open_store
from shared.object_store.port import ObjectStore


def bucket_url(site: seaweedfs.Site, bucket: str, options: str = "") -> str:
    keys = f"{quote(site.access_key, safe='')}:{quote(site.secret_key, safe='')}"
    return f"s3+http://{keys}@{site.endpoint}/{bucket}{options}"


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
