"""Questions to another room over HTTP: with the caller's own token, or with ours when nobody waits."""

import contextlib
import time
from typing import Any

import httpx
from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind

from shared.identity.caller import Caller
from shared.identity.tokens import INTERNAL_SECONDS, room_token
from shared.messaging.outcome import TryAgain
from shared.problems import Problem
from shared.settings import RoomSettings
from shared.tracing import TRACEPARENT, current_trace, spanning

TIMEOUT = httpx.Timeout(60.0, connect=5.0)


class RoomUnavailable(TryAgain):
    """The other room did not answer, or not sensibly; a later call may succeed."""


class RoomCalls:
    """The HTTP client of one room. `GET`s only: what changes something goes by message."""

    def __init__(self, settings: RoomSettings, room: str) -> None:
        self._settings = settings
        self._room = room
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=16)
        self._client = httpx.AsyncClient(timeout=TIMEOUT, limits=limits)
        self._token = ""
        self._token_until = 0.0

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    def _headers(self, caller: Caller | None) -> dict[str, str]:
        trace = current_trace()
        return self._identity(caller) | ({} if trace is None else {TRACEPARENT: trace})

    def _identity(self, caller: Caller | None) -> dict[str, str]:
        if caller is not None:
            return {"Authorization": f"Bearer {caller.token}"}
        if time.time() >= self._token_until:
            self._token = room_token(self._room, self._settings.internal_secret.get_secret_value())
            # By the clock that the token's own end is told by.
            self._token_until = time.time() + INTERNAL_SECONDS / 2
        return {"Authorization": f"Bearer {self._token}"}

    async def get_json(
        self, room: str, path: str, *, caller: Caller | None = None, params: dict[str, Any] | None = None
    ) -> Any:  # noqa: ANN401 (JSON is what it is)
        """Return another room's JSON answer; None for a 404.

        Raises `Problem` as the other room gave it for the caller's own faults (4xx), `RoomUnavailable` else.
        """
        try:
            with spanning(f"ask {room}", get_current(), {"chartrier.asked": room}, SpanKind.CLIENT):
                answer = await self._client.get(
                    self._settings.url_of(room) + path, params=params, headers=self._headers(caller)
                )
        except httpx.HTTPError as error:
            raise RoomUnavailable(f"{room}: {type(error).__name__}") from error
        if answer.status_code == 404:
            return None
        if 400 <= answer.status_code < 500 and caller is not None:
            raise _passed_on(answer)
        if answer.status_code != 200:
            raise RoomUnavailable(f"{room}: {answer.status_code} for {path}")
        try:
            return answer.json()
        except ValueError as error:
            raise RoomUnavailable(f"{room}: no JSON for {path}") from error

    def stream(
        self, room: str, path: str, *, caller: Caller | None = None, headers: dict[str, str] | None = None
    ) -> Any:  # noqa: ANN401 (an async context manager of httpx)
        """Open a streaming GET; use it with `async with`, and look at its status."""
        return self._client.stream(
            "GET",
            self._settings.url_of(room) + path,
            headers={**self._headers(caller), **(headers or {})},
        )


def _passed_on(answer: httpx.Response) -> Problem:
    body: dict[str, Any] = {}
    # A proxy between the rooms may answer in words of its own.
    if "json" in answer.headers.get("content-type", ""):
        with contextlib.suppress(ValueError, TypeError):
            body = dict(answer.json())
    detail = str(body.get("detail", ""))
    known = {"type", "title", "status", "code", "detail"}
    extra = {key: value for key, value in body.items() if key not in known}
    return Problem(answer.status_code, str(body.get("code", "refused")), detail, detail, extra=extra)
