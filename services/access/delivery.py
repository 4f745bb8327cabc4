"""Give bytes out over HTTP: whole or in part, never short without the connection breaking."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from services.access.domain.representation import (
    Part,
    Representation,
    attachment,
    digest_field,
    is_held_already,
    may_be_partial,
    part_asked,
)
from shared.byte_ranges import UnsatisfiableRange
from shared.problems import out_of_range

OpenPart = Callable[[int, int], AbstractAsyncContextManager[AsyncIterator[bytes]]]
"""Opens `length` bytes from `first` on."""


class WrongContent(Exception):
    """The bytes that passed are not those recorded; what is left of them is withheld."""


@dataclass(frozen=True)
class Delivery:
    """What is given, where its bytes come from, and what is done once they are at hand and before any leaves."""

    representation: Representation
    open_part: OpenPart
    record: Callable[[Part], Awaitable[None]]


class Relayed(StreamingResponse):
    """A streaming answer that lets go of its source, whether or not the client stays to the end."""

    def __init__(
        self, chunks: AsyncIterator[bytes], status: int, headers: dict[str, str], held: AsyncExitStack
    ) -> None:
        super().__init__(chunks, status, headers)
        self._held = held

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            await super().__call__(scope, receive, send)


async def deliver(request: Request, delivery: Delivery) -> Response:
    """Answer a GET or HEAD for a representation, as its conditions and range ask."""
    representation = delivery.representation
    headers = _validators(representation)
    if is_held_already(request.headers.get("if-none-match"), representation):
        return Response(status_code=304, headers=headers)
    headers |= _described(representation)
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(representation.size)})
    part = _part(request, representation)
    headers["Content-Length"] = str(part.length)
    if part.whole:
        headers["Content-Digest"] = digest_field(representation.sha512)
    else:
        headers["Content-Range"] = part.content_range(representation.size)
    return await _relay(delivery, part, headers)


def _part(request: Request, representation: Representation) -> Part:
    asked = request.headers.get("range")
    if not may_be_partial(request.headers.get("if-range"), representation):
        asked = None
    try:
        return part_asked(asked, representation.size)
    except UnsatisfiableRange as error:
        raise out_of_range(representation.size) from error


async def _relay(delivery: Delivery, part: Part, headers: dict[str, str]) -> Relayed:
    async with AsyncExitStack() as opening:
        chunks = await opening.enter_async_context(delivery.open_part(part.first, part.length))
        await delivery.record(part)
        if part.whole:
            chunks = _verified(chunks, delivery.representation.sha512)
        return Relayed(chunks, 200 if part.whole else 206, headers, opening.pop_all())


async def _verified(chunks: AsyncIterator[bytes], sha512: str) -> AsyncIterator[bytes]:
    """Hold back the last chunk until the whole is known to be what it should."""
    digest = hashlib.sha512()
    held_back = b""
    async for chunk in chunks:
        digest.update(chunk)
        if held_back:
            yield held_back
        held_back = chunk
    if digest.hexdigest() != sha512:
        raise WrongContent(sha512)
    yield held_back


def _validators(representation: Representation) -> dict[str, str]:
    return {
        "ETag": representation.etag,
        # A shared cache would give to one what another was allowed; ours may keep it and ask again.
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
    }


def _described(representation: Representation) -> dict[str, str]:
    return {
        "Content-Type": representation.media_type,
        "Content-Disposition": attachment(representation.filename),
        "Repr-Digest": digest_field(representation.sha512),
        # Whatever a depositor sent, no browser runs it on our origin.
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
