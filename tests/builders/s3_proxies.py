"""A way to a real S3 server that fails as it is told: shut, silent, busy, full, cut in the middle, or lying.

store ──▶ S3Proxy ──▶ server         one connection a request, all of it in the memory of the test
             │
          trouble                    what happens instead to requests of some methods, until it is mended
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from services.local.ports import free_ports

WRITES = frozenset({"PUT", "POST"})
READS = frozenset({"GET"})
MOMENT = 0.02
"""Seconds between two pieces of a slow answer."""

_LONGEST_HEAD = 1 << 16


class Exchange:
    """One request on its way to the server, and the server's answer on its way back."""

    def __init__(self, head: bytes, client: asyncio.StreamReader, server: tuple[str, int]) -> None:
        self.head = head
        self.method = head.split(b" ", 1)[0].decode()
        self._client = client
        self._server = server

    @property
    def size(self) -> int:
        """Bytes of the request's body."""
        for line in self.head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                return int(value)
        return 0

    async def body(self) -> bytes:
        return await self._client.readexactly(self.size)

    async def half(self) -> bytes:
        return await self._client.readexactly(self.size // 2)

    async def pass_on(self, body: bytes, announced: int | None = None) -> bytes:
        """Send the request with this body and return the raw answer; cut short, the server gives none."""
        reader, writer = await asyncio.open_connection(*self._server)
        try:
            writer.write(self._head_for(len(body) if announced is None else announced) + body)
            await writer.drain()
            if announced is not None:
                return b""
            return await reader.read()
        finally:
            writer.close()

    def _head_for(self, size: int) -> bytes:
        lines = [
            line for line in self.head.rstrip().split(b"\r\n") if not line.lower().startswith(b"content-length:")
        ]
        # The server ends the answer by closing: whatever form its body has, it is over then.
        return b"\r\n".join([*lines, b"Connection: close", b"Content-Length: %d" % size, b"", b""])


Act: TypeAlias = Callable[[Exchange], Awaitable[bytes]]
"""What becomes of a request: the bytes that the store is answered, after which its connection is cut."""


async def well(exchange: Exchange) -> bytes:
    return await exchange.pass_on(await exchange.body())


async def silent(exchange: Exchange) -> bytes:
    """Take everything and never answer."""
    await exchange.body()
    await asyncio.Event().wait()
    return b""


async def cut_on_the_way_there(exchange: Exchange) -> bytes:
    """Half of the body reaches the server, then both connections are gone."""
    return await exchange.pass_on(await exchange.half(), announced=exchange.size)


async def cut_on_the_way_back(exchange: Exchange) -> bytes:
    """The server does what it was asked, and half of its answer comes back."""
    answer = await well(exchange)
    return answer[: len(answer) // 2]


async def swallowing(exchange: Exchange) -> bytes:
    """Say that it is done, with a version and all, and do nothing."""
    await exchange.body()
    version = b"0" * 32
    if b"?uploads=" in exchange.head.split(b"\r\n", 1)[0]:
        body = b"<InitiateMultipartUploadResult><UploadId>none</UploadId></InitiateMultipartUploadResult>"
        return _answer(200, body)
    return _answer(200, b"", b'ETag: "' + version + b'"', b"x-amz-version-id: " + version)


async def dropping_the_last_bytes(exchange: Exchange) -> bytes:
    """Write all but a few bytes."""
    body = await exchange.body()
    return await exchange.pass_on(body[:-7] if _is_content(exchange) else body)


async def flipping_a_bit(exchange: Exchange) -> bytes:
    """Write as many bytes, one of them another."""
    body = bytearray(await exchange.body())
    if _is_content(exchange):
        body[len(body) // 2] ^= 1
    return await exchange.pass_on(bytes(body))


def refusing(status: int, code: str) -> Act:
    """Answer with an error of S3."""

    async def refuse(exchange: Exchange) -> bytes:
        await exchange.body()
        return _answer(status, f"<Error><Code>{code}</Code></Error>".encode())

    return refuse


def _is_content(exchange: Exchange) -> bool:
    return exchange.method == "PUT" and exchange.size > 0


def _answer(status: int, body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 %d As told" % status, *headers, b"Content-Length: %d" % len(body), b"Connection: close"]
    return b"\r\n".join([*lines, b"", body])


@dataclass
class S3Proxy:
    """Listens on loopback from `open` to `shut`; `trouble` strikes requests of `methods`, the others pass."""

    server: tuple[str, int]
    port: int = field(default_factory=lambda: free_ports(1)[0])
    trouble: Act = well
    methods: frozenset[str] = WRITES
    struck: int = 0
    most: int | None = None
    piece: int | None = None
    """Answers come in pieces of so many bytes, each after a `MOMENT`."""
    _listening: asyncio.Server | None = None
    _passing: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def fail(self, trouble: Act, methods: frozenset[str] = WRITES, most: int | None = None) -> None:
        """Have requests fail, the next few or all, until `mend`."""
        self.trouble, self.methods, self.most, self.struck = trouble, methods, most, 0

    def mend(self) -> None:
        self.trouble = well

    async def open(self) -> None:
        self._listening = await asyncio.start_server(self._take, "127.0.0.1", self.port, limit=_LONGEST_HEAD)

    async def shut(self) -> None:
        """Refuse connections from now on, and cut those there are."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                exchange = Exchange(await reader.readuntil(b"\r\n\r\n"), reader, self.server)
                await self._answer(await self._act(exchange)(exchange), writer)
        finally:
            writer.close()
            self._passing.discard(task)

    def _act(self, exchange: Exchange) -> Act:
        if exchange.method not in self.methods or self.trouble is well or self.struck == self.most:
            return well
        self.struck += 1
        return self.trouble

    async def _answer(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        step = self.piece or max(1, len(answer))
        for at in range(0, len(answer), step):
            writer.write(answer[at : at + step])
            await writer.drain()
            if self.piece is not None:
                await asyncio.sleep(MOMENT)
