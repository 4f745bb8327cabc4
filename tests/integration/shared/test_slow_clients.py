"""Clients that stall are cut, over real sockets: what they held is free again, what they sent is not kept."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse
from pydantic import SecretStr

from services.local.ports import free_ports
from shared import bodies, slowness
from shared.bodies import stream_of
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.limits import Limits
from shared.rates import address_of
from shared.readiness import Readiness
from shared.serving import listen
from shared.settings import RoomSettings
from shared.stopping import StopRequest
from shared.web import room_app
from tests.builders.callers import SECRET, a_verifier

pytestmark = pytest.mark.integration

PATIENCE = 20
STALL = 0.3

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Watched:
    """What became of the requests of one test."""

    def __init__(self) -> None:
        self.taken = 0
        self.ended = asyncio.Event()


def an_app(watched: Watched, limits: Limits) -> FastAPI:
    router = APIRouter(dependencies=[requires(Permission.PUBLIC)])

    @router.post("/slow/v1/body")
    async def take(request: Request) -> int:
        try:
            async for chunk in stream_of(request):
                watched.taken += len(chunk)
        finally:
            watched.ended.set()
        return watched.taken

    @router.get("/slow/v1/endless")
    async def give() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            try:
                while True:
                    await asyncio.sleep(0)  # as any real source does
                    yield bytes(1 << 20)
            finally:
                watched.ended.set()

        return StreamingResponse(chunks())

    @router.get("/slow/v1/asker")
    async def show(request: Request) -> str:
        return address_of(request)

    return room_app("slow", router, a_verifier(), Readiness("slow"), nothing, limits)


async def nothing() -> None: ...


class TestStop(StopRequest):
    """Told to stop by the test, not by a signal."""

    __test__ = False

    def tell(self) -> None:
        self._taken.add(0)


@asynccontextmanager
async def served(
    watched: Watched, least_rate: int = 0, stall: float = STALL, proxies: str = "127.0.0.1"
) -> AsyncIterator[int]:
    (port,) = free_ports(1)
    settings = RoomSettings(
        database_url=SecretStr("postgresql+asyncpg://nobody@127.0.0.1:1/none"),
        internal_secret=SecretStr(SECRET),
        port=port,
        client_stall_seconds=stall,
        trusted_proxies=proxies,
    )
    stop = TestStop()
    app = an_app(watched, Limits(stall_seconds=stall, least_rate=least_rate))
    serving = asyncio.create_task(listen(app, settings, stop))
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            break
    try:
        yield port
    finally:
        stop.tell()
        await serving


@asynccontextmanager
async def connected(port: int, buffer: int | None = None) -> AsyncIterator[Ends]:
    ours = socket.socket()
    if buffer is not None:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    ours.setblocking(False)
    await asyncio.get_running_loop().sock_connect(ours, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=ours, limit=1024)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def head(line: str, *more: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: archive.test", *more, "", ""]).encode()


async def to_the_end(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(PATIENCE):
        try:
            return await reader.read(-1)
        except ConnectionError:
            return b""


@pytest.fixture(autouse=True)
def refusals_leave_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "THROWN_AWAY_SECONDS", 0.1)


async def test_a_body_that_stalls_is_told_so_and_its_connection_closed() -> None:
    watched = Watched()
    async with served(watched) as port, connected(port) as (reader, writer):
        writer.write(head("POST /slow/v1/body", "Content-Length: 1000", "Accept-Language: en") + b"some")

        answer = await to_the_end(reader)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"too_slow"' in answer
    assert b"connection: close" in answer.lower()
    assert (watched.taken, watched.ended.is_set()) == (4, True)


async def test_a_body_that_trickles_is_cut_though_it_never_stalls() -> None:
    watched, loop = Watched(), asyncio.get_running_loop()
    # A socket of its own: asyncio's streams throw away what has come once a write meets a connection that is reset.
    async with served(watched, least_rate=1 << 30, stall=1.0) as port:
        with socket.socket() as ours:
            ours.setblocking(False)
            await loop.sock_connect(ours, ("127.0.0.1", port))
            await loop.sock_sendall(ours, head("POST /slow/v1/body", "Content-Length: 1000000"))

            async def trickle() -> None:
                with contextlib.suppress(ConnectionError):
                    while True:
                        await loop.sock_sendall(ours, b"x")
                        await asyncio.sleep(0.02)

            trickling = asyncio.create_task(trickle())
            async with asyncio.timeout(PATIENCE):
                answer = await loop.sock_recv(ours, 4096)
            trickling.cancel()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert 1 < watched.taken < 1000


async def test_a_body_that_comes_at_its_own_pace_is_taken_whole() -> None:
    watched = Watched()
    async with served(watched, stall=PATIENCE) as port, connected(port) as (reader, writer):
        writer.write(head("POST /slow/v1/body", "Content-Length: 10", "Connection: close"))
        for _ in range(10):
            writer.write(b"x")
            await asyncio.sleep(0.01)

        answer = await to_the_end(reader)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"10")


async def test_an_answer_that_nobody_reads_is_let_go_with_all_it_holds() -> None:
    watched = Watched()
    async with served(watched) as port, connected(port, buffer=4096) as (_, writer):
        writer.write(head("GET /slow/v1/endless"))

        async with asyncio.timeout(PATIENCE):
            await watched.ended.wait()


async def test_a_head_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slowness.Connection, "head_seconds", STALL)
    watched = Watched()
    async with served(watched) as port:
        async with connected(port) as (reader, _):
            assert await to_the_end(reader) == b""
        async with connected(port) as (reader, writer):
            writer.write(b"GET /slow/v1/endless HTTP/1.1\r\nHost: arch")
            assert await to_the_end(reader) == b""


async def test_what_is_left_of_a_body_that_was_answered_is_not_waited_for() -> None:
    async with served(Watched()) as port, connected(port) as (reader, writer):
        writer.write(head("POST /slow/v1/nowhere", "Content-Length: 1000000000"))
        async with asyncio.timeout(PATIENCE):
            answer = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"x")

        await to_the_end(reader)

    assert answer.startswith(b"HTTP/1.1 404 ")


async def test_what_is_left_of_it_is_thrown_away_as_long_as_it_comes_and_the_connection_serves_on() -> None:
    piece, pieces = bytes(64 * 1024), 75
    async with served(Watched(), stall=1.0) as port, connected(port) as (reader, writer):
        writer.write(head("POST /slow/v1/nowhere", f"Content-Length: {pieces * len(piece)}"))
        async with asyncio.timeout(PATIENCE):
            await reader.readuntil(b"\r\n\r\n")
            for _ in range(pieces):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.write(head("GET /slow/v1/asker", "Connection: close"))

        answer = await to_the_end(reader)

    assert answer.endswith(b'"127.0.0.1"')


@pytest.mark.parametrize(("proxies", "asker"), [("127.0.0.1", b"192.0.2.9"), ("10.0.0.0/8", b"127.0.0.1")])
async def test_who_asks_is_what_a_trusted_proxy_says_and_no_other(proxies: str, asker: bytes) -> None:
    async with served(Watched(), proxies=proxies) as port, connected(port) as (reader, writer):
        lines = ("X-Forwarded-For: 203.0.113.1, 192.0.2.9", "Connection: close")
        writer.write(head("GET /slow/v1/asker", *lines))

        answer = await to_the_end(reader)

    assert answer.endswith(b'"' + asker + b'"')
