"""An answer leaves once the body that it refuses has come in, within bounds."""

import asyncio
from collections.abc import Iterable

import pytest
from starlette.types import Message, Receive, Scope, Send

from shared import bodies
from shared.bodies import Drained


async def refusing(_scope: Scope, _receive: Receive, send: Send) -> None:
    """An application that answers without a look at the body."""
    await send({"type": "http.response.start", "status": 413, "headers": []})
    await send({"type": "http.response.body", "body": b"too large"})


async def reading(_scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads the whole body first."""
    while (await receive()).get("more_body"):
        pass
    await refusing(_scope, receive, send)


def a_body(*sizes: int) -> list[Message]:
    parts = [*((bytes(size), True) for size in sizes), (b"", False)]
    return [{"type": "http.request", "body": body, "more_body": more} for body, more in parts]


async def story(app: object, arriving: Iterable[Message], **headers: str) -> list[str]:
    """What happened in its order: `read` for each part of the body taken, `answer` when the answer began."""
    told: list[str] = []
    parts = iter(arriving)
    scope = {
        "type": "http",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive() -> Message:
        told.append("read")
        return next(parts)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            told.append("answer")

    await Drained(app)(scope, receive, send)  # type: ignore[arg-type]  # an application is what it is called with
    return told


async def test_a_refusal_waits_for_the_rest_of_the_body() -> None:
    assert await story(refusing, a_body(5, 5), content_length="10") == ["read", "read", "read", "answer"]
    assert await story(refusing, a_body(5), transfer_encoding="chunked") == ["read", "read", "answer"]


async def test_a_body_read_to_its_end_or_none_at_all_is_not_asked_for_again() -> None:
    assert await story(reading, a_body(5), content_length="5") == ["read", "read", "answer"]
    assert await story(refusing, a_body()) == ["answer"]
    assert await story(refusing, a_body(), content_length="0") == ["answer"]


async def test_a_client_that_waits_to_be_told_to_go_on_is_not() -> None:
    assert await story(refusing, a_body(5), content_length="5", expect="100-continue") == ["answer"]


async def test_a_client_that_went_away_is_not_waited_for() -> None:
    gone: list[Message] = [{"type": "http.disconnect"}]

    assert await story(refusing, gone, content_length="10") == ["read", "answer"]


async def test_what_is_thrown_away_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "THROWN_AWAY", 20)

    assert await story(refusing, a_body(*[10] * 9), content_length="90") == ["read", "read", "answer"]


async def test_a_client_that_sends_nothing_more_has_its_answer_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "THROWN_AWAY_SECONDS", 0.01)
    told: list[str] = []

    async def silent() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("nobody sends anything")

    async def send(message: Message) -> None:
        told.append(message["type"])

    await Drained(refusing)({"type": "http", "headers": [(b"content-length", b"9")]}, silent, send)

    assert told == ["http.response.start", "http.response.body"]
