"""How much a process takes in hand at once: what comes beyond it is refused at once, and may come again."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.limits import Limits, Rate
from shared.metrics import IN_HAND, OVERLOADED
from shared.problems import Problem, answer, language_of
from shared.settings import RoomSettings


def limits_of(settings: RoomSettings) -> Limits:
    """Return the limits that the operator has set."""
    rate = Rate(settings.request_rate, settings.request_burst)
    return Limits(rate, settings.requests_in_hand, settings.client_stall_seconds, settings.client_least_rate)


def overloaded() -> Problem:
    """Return the answer when as much is in hand as may be: the request was not looked at."""
    return Problem(
        503,
        "overloaded",
        "Trop de requêtes sont en cours ; réessayez dans quelques instants.",
        "Too many requests are in hand; try again shortly.",
        headers={"Retry-After": "1"},
    )


def is_always_answered(room: str, path: str) -> bool:
    """Say whether a path is a probe's or the metrics', which are answered whatever state the room is in."""
    return path in (f"/{room}/health/live", f"/{room}/health/ready", f"/{room}/metrics")


class InHand:
    """Counts the requests in hand and refuses one too many; probes and metrics are always answered."""

    def __init__(self, app: ASGIApp, room: str, most: int) -> None:
        self._app = app
        self._room = room
        self._most = most
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if it is not one too many."""
        if scope["type"] != "http" or is_always_answered(self._room, scope["path"]):
            await self._app(scope, receive, send)
            return
        if self._count >= self._most:
            OVERLOADED.labels(self._room).inc()
            refusal = answer(overloaded(), language_of(Headers(scope=scope).get("accept-language")))
            await refusal(scope, receive, send)
            return
        self._count += 1
        IN_HAND.labels(self._room).inc()
        try:
            await self._app(scope, receive, send)
        finally:
            self._count -= 1
            IN_HAND.labels(self._room).dec()
