"""How much of a request's body is read: little, unless its route takes the stream and keeps a bound of its own."""

from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST = 4 * 1024**2
"""Bytes of a body that is read into memory: several times 5,000 rules or 2,000 mandates."""

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
