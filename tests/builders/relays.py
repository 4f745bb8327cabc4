"""A way to a real server that a test may shut, open again, or clog."""

import asyncio
import contextlib
from pathlib import Path
from typing import TypeAlias

Address: TypeAlias = tuple[str, int] | Path


class Relay:
    """Passes bytes from one address to another while it is open; clogged, it takes connections and says nothing."""

    def __init__(self, front: Address, behind: Address, *, clogged: bool = False) -> None:
        self._front = front
        self._behind = behind
        self._clogged = clogged
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        if isinstance(self._front, Path):
            self._server = await asyncio.start_unix_server(self._pass, self._front)
        else:
            self._server = await asyncio.start_server(self._pass, *self._front)

    async def shut(self) -> None:
        """Listen no more, and cut whatever passes."""
        if self._server is not None:
            await _stop_accepting(self._server)
            self._server.close()
            self._server = None
        for passing in self._passing:
            passing.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)
        self._passing.clear()
        if isinstance(self._front, Path):
            self._front.unlink(missing_ok=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            if self._clogged:
                await asyncio.Event().wait()
            await self._both_ways(reader, writer)
        await _end(writer)
        self._passing.discard(task)

    async def _both_ways(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if isinstance(self._behind, Path):
            there, back = await asyncio.open_unix_connection(self._behind)
        else:
            there, back = await asyncio.open_connection(*self._behind)
        ways = [asyncio.create_task(_copy(reader, back)), asyncio.create_task(_copy(there, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            await _end(back)


async def _stop_accepting(server: asyncio.Server) -> None:
    # A connection that asyncio is just taking in when its server closes is lost, its socket left open.
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening.fileno())
    for _ in range(3):
        await asyncio.sleep(0)


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
