"""A body that may break off in the middle: what came before counts all the same."""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect

from services.ingest.domain.upload import STALL_SECONDS
from services.ingest.uploads.refusals import cut_short, too_slow
from shared.problems import Problem
from shared.slowness import TooSlow


class Inflow:
    """Bytes that come, handed on in portions; `broken` says why they ended before their end, once they have.

    Raises `beyond` where more than `most` come. Where nothing comes for `stall` seconds it has broken off.
    """

    def __init__(
        self, chunks: AsyncIterator[bytes], most: int, beyond: Problem, stall: float = STALL_SECONDS
    ) -> None:
        self._stall = stall
        self.broken: Problem | None = None
        self.ended = False
        self._chunks = chunks
        self._left = most
        self._beyond = beyond
        self._rest = b""

    async def portion(self, size: int) -> AsyncIterator[bytes]:
        """Pass on the next `size` bytes, or as many as there are."""
        while size and (chunk := await self._next()):
            taken, self._rest = chunk[:size], chunk[size:]
            size -= len(taken)
            yield taken

    async def _next(self) -> bytes:
        chunk, self._rest = self._rest, b""
        while not chunk and not self.ended:
            chunk = await self._receive()
        return chunk

    async def _receive(self) -> bytes:
        try:
            async with asyncio.timeout(self._stall):
                chunk = await anext(self._chunks)
        except StopAsyncIteration:
            chunk, self.ended = b"", True
        except ClientDisconnect:
            chunk, self.ended, self.broken = b"", True, cut_short()
        except (TooSlow, TimeoutError):
            chunk, self.ended, self.broken = b"", True, too_slow()
        self._left -= len(chunk)
        if self._left < 0:
            raise self._beyond
        return chunk
