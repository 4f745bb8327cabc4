"""How much of a request's body is read: little, unless its route takes the stream and keeps a bound of its own.

And when: an answer that leaves before its request is through is lost on the way in more than one proxy.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST = 4 * 1024**2
"""Bytes of a body that is read into memory: several times 5,000 rules or 2,000 mandates."""

THROWN_AWAY = 64 * 1024**2
THROWN_AWAY_SECONDS = 3.0
"""How much, and for how long, what nobody wants of a body is read before its refusal leaves."""

_STREAMED = "chartrier.streamed"


def stream_of(request: Request) -> AsyncIterator[bytes]:
    """Return the body as a stream without bound: whoever reads it keeps one."""
    request.scope[_STREAMED] = True
    return request.stream()


class Bounded:
    """Stops reading a body that is too long, with a 413, before anybody has asked who sends it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what is read of its body."""
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > LONGEST and _STREAMED not in scope:
                # The server throws away what is left. It does not close the connection: whoever is still
                # sending would find it reset, and not read why.
                raise HTTPException(413)
            return message

        await self._app(scope, counted if scope["type"] == "http" else receive, send)


class Drained:
    """Has an answer wait until the body that it refuses has come in, within bounds.

    A proxy that hears an answer while it still sends may close both sides, and the client never read why
    (seen with Go's: one refusal in a thousand). Beyond the bounds the answer leaves, and the server throws away
    what is left as it comes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, watching how far its body has been read."""
        if scope["type"] != "http" or not _has_body(headers := Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        asked, ended = False, False

        async def watched() -> Message:
            nonlocal asked, ended
            asked = True
            message = await receive()
            ended = ended or not message.get("more_body", False)
            return message

        async def after_the_body(message: Message) -> None:
            # A client that waits to be told to go on (RFC 9110 section 10.1.1) reads the refusal instead.
            waits = not asked and "100-continue" in headers.get("expect", "").lower()
            if message["type"] == "http.response.start" and not ended and not waits:
                await _throw_away(watched)
            await send(message)

        await self._app(scope, watched, after_the_body)


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def _throw_away(receive: Receive) -> None:
    taken, more = 0, True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(THROWN_AWAY_SECONDS):
            while more and taken < THROWN_AWAY:
                message = await receive()
                taken += len(message.get("body", b""))
                more = message.get("more_body", False)
