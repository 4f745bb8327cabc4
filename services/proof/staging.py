"""How what proof makes is put into staging: bytes that follow from committed rows, under a key of their own."""

from collections.abc import AsyncIterator, Callable

from shared.checksums import Measure
from shared.object_store.errors import KeyTaken
from shared.object_store.port import ObjectStore


async def stage(staging: ObjectStore, key: str, content: Callable[[], AsyncIterator[bytes]]) -> Measure:
    """Write content under its key, in place of what lies there; return what it is. Raises what the store raises."""
    try:
        return await _put(staging, key, content())
    except KeyTaken:
        # Other bytes than these: nobody but us writes there, so they went bad.
        await staging.delete(key)
        return await _put(staging, key, content())


async def _put(staging: ObjectStore, key: str, chunks: AsyncIterator[bytes]) -> Measure:
    async with staging.writer(key) as writer:
        async for chunk in chunks:
            await writer.write(chunk)
        return (await writer.commit()).measure
