"""Where a worker works: a package on a local path, and a folder for what is made of it."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from shared.object_store.port import ObjectStore


@contextlib.asynccontextmanager
async def local_copy(store: ObjectStore, key: str) -> AsyncIterator[Path]:
    """Lend a local path of an object: its own file where there is one, else a copy for the time being."""
    path = store.path_of(key)
    if path is not None:
        yield path
        return
    async with scratch_folder(store) as folder:
        copy = folder / "object"
        await store.fetch_to(key, copy)
        yield copy


@contextlib.asynccontextmanager
async def scratch_folder(store: ObjectStore) -> AsyncIterator[Path]:
    """Lend an empty folder, beside the store's own files where it has any, so that a file can move in."""
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="work-", dir=store.scratch())
    try:
        yield Path(folder.name)
    finally:
        await asyncio.to_thread(folder.cleanup)
