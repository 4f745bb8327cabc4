"""Awaits the steps of a conversation; what takes a while on this machine is done beside the event loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import httpx

from chartrier_client.conversation import (
    FAILURES,
    TIMEOUT,
    Authorise,
    Close,
    Conversation,
    Credentials,
    Flow,
    Pause,
    Question,
    Read,
    Save,
    Send,
    Step,
    Work,
    options_of,
    trusts_proxies,
)
from chartrier_client.session import CHUNK, pieces

T = TypeVar("T")


class AsyncSession:
    """Sends requests as one client of the archive; for the tasks of one event loop."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        language: str = "fr",
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.conversation = Conversation(credentials, clock)
        self._pause = pause
        self._token_lock = asyncio.Lock()
        self._http = httpx.AsyncClient(
            base_url=credentials.base_url,
            timeout=TIMEOUT,
            headers={"Accept-Language": language, "User-Agent": "chartrier-client"},
            trust_env=trusts_proxies(credentials.base_url),
        )

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def run(self, flow: Flow[T]) -> T:
        """Take every step of a flow, and return what it returns."""
        try:
            step = next(flow)
            while True:
                try:
                    outcome = await self._take(step)
                except FAILURES as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(outcome)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            flow.close()

    async def _take(self, step: Step) -> Any:  # noqa: ANN401 (each kind of step has its own outcome)
        if isinstance(step, Send):
            return await self._send(step)
        if isinstance(step, Authorise):
            async with self._token_lock:
                return await self.run(self.conversation.token(step.refused))
        if isinstance(step, Work):
            return await asyncio.to_thread(step.do)
        if isinstance(step, Pause):
            return await self._pause(step.seconds)
        return await _finish(step)

    async def _send(self, step: Send) -> httpx.Response:
        question = step.question
        options = options_of(question) | ({"content": _pieces(question)} if question.file else {})
        request = self._http.build_request(question.method, question.path, **options)
        return await self._http.send(request, stream=True, auth=step.auth)


async def _finish(step: Read | Save | Close) -> None:
    try:
        if isinstance(step, Read):
            await step.response.aread()
        elif isinstance(step, Save):
            async for piece in step.response.aiter_bytes(CHUNK):
                await asyncio.to_thread(step.write, piece)
    finally:
        await step.response.aclose()


async def _pieces(question: Question) -> AsyncIterator[bytes]:
    reading = pieces(question)
    try:
        while piece := await asyncio.to_thread(next, reading, b""):
            yield piece
    finally:
        reading.close()
