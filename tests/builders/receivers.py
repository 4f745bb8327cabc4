"""A receiver of webhooks on loopback: keeps what it is sent, and answers as it is told, or not at all."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks.webhooks import Webhook

PATIENCE = 30.0


@dataclass(frozen=True)
class Sent:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:  # noqa: ANN401 (JSON)
        """Return what it says, once the library of others has verified who says it."""
        return Webhook(secret).verify(self.body, self.headers)


def plainly(status: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} X", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass
class Receiver:
    """`answer` is given each request, and returns what is written back; None: nothing, until it is closed."""

    answer: Callable[[Sent], bytes | None] = field(default=lambda _: plainly(204))
    port: int = 0
    scheme: str = "http"
    came: asyncio.Queue[Sent] = field(default_factory=asyncio.Queue)
    most_at_once: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    async def next(self) -> Sent:
        """Wait for the next request."""
        async with asyncio.timeout(PATIENCE):
            return await self.came.get()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        self.most_at_once = max(self.most_at_once, len(self._open))
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            lines = [line.partition(": ") for line in head[1:] if line]
            headers = {name.lower(): value for name, _, value in lines}
            body = await reader.readexactly(int(headers["content-length"]))
            sent = Sent(head[0].split(" ")[1], headers, body)
            answer = self.answer(sent)
            await self.came.put(sent)
            if answer is None:
                return
            writer.write(answer)
            await writer.drain()
        self._open.discard(writer)
        writer.close()

    def let_go(self) -> None:
        """Break off whatever was kept waiting."""
        for writer in self._open:
            writer.close()


@contextlib.asynccontextmanager
async def receiving(
    answer: Callable[[Sent], bytes | None] | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Lend a receiver on a free port of loopback."""
    receiver = Receiver() if answer is None else Receiver(answer)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    receiver.scheme = "http" if tls is None else "https"
    try:
        yield receiver
    finally:
        receiver.let_go()
        server.close()
