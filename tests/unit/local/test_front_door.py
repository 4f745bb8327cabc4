"""The front door of the all-in-one: whatever comes, a room's answer or a problem."""

from typing import Any

import pytest

from services.all_in_one import FrontDoor


async def through(path: str, method: str = "GET", language: bytes | None = None) -> list[Any]:
    sent: list[Any] = []

    async def room(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401 (ASGI)
        await send("the room")

    async def receive() -> Any:  # noqa: ANN401
        return {"type": "http.request"}

    async def send(message: Any) -> None:  # noqa: ANN401
        sent.append(message)

    headers = [] if language is None else [(b"accept-language", language)]
    await FrontDoor({"ingest": room})(
        {"type": "http", "method": method, "path": path, "headers": headers}, receive, send
    )
    return sent


@pytest.mark.parametrize("path", ["/ingest", "/ingest/", "/ingest/v1/transfers"])
async def test_a_path_goes_to_the_room_it_begins_with(path: str) -> None:
    assert await through(path) == ["the room"]


@pytest.mark.parametrize("path", ["*", "", "/", "//", "/nowhere", "ingest", "/Ingest"])
async def test_a_path_of_no_room_is_a_404(path: str) -> None:
    start, body = await through(path, "OPTIONS")

    assert start["status"] == 404
    assert b"urn:chartrier:problem:not_found" in body["body"]
    assert b"Introuvable" in body["body"]


async def test_who_asks_for_english_is_told_in_english() -> None:
    _, body = await through("/nowhere", language=b"en-GB, fr;q=0.5")

    assert b"Not found." in body["body"]
