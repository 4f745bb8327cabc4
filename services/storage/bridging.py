"""Chunks that arrive on the event loop, for a thread that reads: a package is taken apart by plain Python."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from shared.object_store.errors import StoreUnavailable


@asynccontextmanager
async def bridged(chunks: AsyncGenerator[bytes, None]) -> AsyncIterator["Bridge"]:
    """Give a thread the chunks to read; when the block ends, however it does, its reading ends too."""
    bridge = Bridge(asyncio.get_running_loop(), chunks)
    try:
        yield bridge
    finally:
        await bridge.close()


class Bridge:
    """Chunks that arrive on the event loop, for a thread that reads."""

    def __init__(self, loop: asyncio.AbstractEventLoop, chunks: AsyncGenerator[bytes, None]) -> None:
        self._loop = loop
        self._chunks = chunks
        self._left = b""
        self._turn = asyncio.Lock()
        self._open = True

    def read(self, count: int, /) -> bytes:
        """Return the next bytes, at most `count`; whatever the store raises is raised here."""
        if not self._left:
            self._left = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
        given, self._left = self._left[:count], self._left[count:]
        return given

    async def _next(self) -> bytes:
        async with self._turn:
            if not self._open:
                raise StoreUnavailable("whoever asked for these bytes has gone")
            return await anext(self._chunks, b"")

    async def close(self) -> None:
        """Give nothing more: a thread that still reads is told so with its next call."""
        self._open = False
        async with self._turn:
            await self._chunks.aclose()
