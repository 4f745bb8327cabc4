"""Slow clients are cut: whoever sends or reads next to nothing holds a connection, a thread, a stream of a site.

    a body that stalls, or trickles     → 408, where its sender still listens, and the connection closes
    an answer that nobody reads          → the connection is broken off
    a request whose head does not come   → the same
    the rest of a body already answered  → the same, where it stalls or trickles

Only what the client takes is counted. While we are slower than it is, no clock runs.
"""

import asyncio
import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.metrics import CUT

LEAST_LEFT_OVER = 1024
"""Bytes a second of a body that nobody wants any more, below which its connection is not kept for it."""

HEAD_SECONDS = 30.0
"""How long the head of a request may take: it is a few hundred bytes."""


class TooSlow(HTTPException):
    """The body does not come: 408. The connection closes after the answer, whatever is still on its way."""

    def __init__(self) -> None:
        super().__init__(408, headers={"Connection": "close"})


class Paced:
    """Stops waiting for a body that stalls for too long at once, or is too slow over time."""

    def __init__(self, app: ASGIApp, stall_seconds: float, least_rate: int) -> None:
        self._app = app
        self._stall_seconds = stall_seconds
        self._least_rate = least_rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, timing how its body comes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        more, taken, waited = True, 0, 0.0

        async def timed() -> Message:
            nonlocal more, taken, waited
            if not more:
                # What is awaited now is that the client hangs up, and it need not.
                return await receive()
            began = time.monotonic()
            message = await self._in_time(receive)
            waited += time.monotonic() - began
            taken += len(message.get("body", b""))
            more = message.get("more_body", False)
            # In its first moments any speed is forgiven: connections begin slowly.
            if more and waited > self._stall_seconds and taken < waited * self._least_rate:
                CUT.labels("sending").inc()
                raise TooSlow
            return message

        await self._app(scope, timed, send)

    async def _in_time(self, receive: Receive) -> Message:
        try:
            async with asyncio.timeout(self._stall_seconds):
                return await receive()
        except TimeoutError:
            CUT.labels("sending").inc()
            raise TooSlow from None


class Connection(HttpToolsProtocol):
    """A connection of uvicorn's that is broken off when its client keeps us waiting outside of any body."""

    stall_seconds = 60.0
    head_seconds = HEAD_SECONDS
    _reading: asyncio.TimerHandle | None = None
    _heading: asyncio.TimerHandle | None = None
    _ending: asyncio.TimerHandle | None = None
    _left_over = 0

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._cancel_ending()
        if self._heading is None:
            self._await_head()

    @override
    def on_headers_complete(self) -> None:
        _cancel(self._heading)
        self._heading = None
        super().on_headers_complete()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # What comes after an answer, and begins no request, is left of the body that was answered too early.
        # uvicorn's own timer of idle connections ends with its first byte.
        if getattr(self.cycle, "response_complete", False) and self._heading is None:
            self._left_over += len(data)
            if self._ending is None:
                self._await_end()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading = self.loop.call_later(self.stall_seconds, self._cut, "reading")

    @override
    def resume_writing(self) -> None:
        _cancel(self._reading)
        super().resume_writing()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._reading)
        _cancel(self._heading)
        self._cancel_ending()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._heading = self.loop.call_later(self.head_seconds, self._cut, "asking")

    def _await_end(self) -> None:
        self._left_over = 0
        self._ending = self.loop.call_later(self.stall_seconds, self._judge_left_over)

    def _judge_left_over(self) -> None:
        if self._left_over < self.stall_seconds * LEAST_LEFT_OVER:
            self._cut("sending")
        else:
            self._await_end()

    def _cancel_ending(self) -> None:
        _cancel(self._ending)
        self._ending = None

    def _cut(self, doing: str) -> None:
        CUT.labels(doing).inc()
        # `close` would wait until what is written has been read, which is what we no longer wait for.
        self.transport.abort()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def connection_class(stall_seconds: float) -> type[Any]:
    """Return what uvicorn makes its connections of, with the operator's patience."""
    return type("PatientConnection", (Connection,), {"stall_seconds": stall_seconds})
