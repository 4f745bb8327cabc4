"""The HTTP face that every room has alike: guard, problems, metrics, health, request ids."""

import time

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from opentelemetry.trace import Span, SpanKind
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import outages, problems
from shared.bodies import Bounded, Drained
from shared.clock import rfc3339
from shared.dependencies import Probe
from shared.descriptions import REFUSALS, content_of, describe
from shared.gauges import OfRoom
from shared.identifiers import new_id
from shared.identity.guard import refuse_unguarded, requires
from shared.identity.rights import Permission
from shared.identity.tokens import TokenVerifier
from shared.limits import USUAL, Limits
from shared.metrics import REQUEST_SECONDS, REQUESTS
from shared.overload import InHand, is_always_answered
from shared.rates import Turnstile
from shared.readiness import Readiness
from shared.slowness import Paced
from shared.tracing import TRACEPARENT, context_of, spanning

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that are counted by name: a caller may send any word."""


def room_app(
    room: str,
    router: APIRouter,
    verifier: TokenVerifier,
    readiness: Readiness,
    refresh_metrics: Probe,
    limits: Limits = USUAL,
) -> FastAPI:
    """Return a room's application. Raises RuntimeError if a route names no permission."""
    app = FastAPI(
        title=f"Chartrier — {room}",
        version="1",
        openapi_url=f"/{room}/openapi.json",
        docs_url=f"/{room}/docs",
        redoc_url=None,
    )
    app.state.verifier = verifier
    app.state.turnstile = Turnstile(room, limits.rate)
    app.include_router(router, responses=REFUSALS)
    app.include_router(_health(room, readiness, refresh_metrics))
    problems.install(app)
    outages.install(app)
    refuse_unguarded(app)
    describe(app)
    app.add_middleware(Opened, room=room, readiness=readiness)
    app.add_middleware(Bounded)
    app.add_middleware(Paced, stall_seconds=limits.stall_seconds, least_rate=limits.least_rate)
    app.add_middleware(InHand, room=room, most=limits.in_hand)
    app.add_middleware(Drained)
    app.add_middleware(Measured, room=room)
    return app


def _health(room: str, readiness: Readiness, refresh_metrics: Probe) -> APIRouter:
    router = APIRouter(prefix=f"/{room}", dependencies=[requires(Permission.PUBLIC)])
    of_room = OfRoom(room)

    @router.get("/health/live", tags=["health"])
    async def live() -> dict[str, str]:
        """Answer as long as the event loop turns."""
        return {"status": "live"}

    @router.get("/health/ready", tags=["health"], responses={503: content_of("application/json")})
    async def ready() -> JSONResponse:
        """Say of every dependency whether it answers, or since when not; 503 where requests cannot be served."""
        report = await readiness.report()
        # Classes of errors only: messages may name hosts, and this route is public.
        said = {
            "status": report.status,
            "checks": report.checks,
            "since": {name: rfc3339(since) for name, since in report.since.items()},
        }
        return JSONResponse(said, 200 if report.takes_requests else 503)

    @router.get("/metrics", tags=["health"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Return the metrics in Prometheus's text form."""
        await refresh_metrics()
        return Response(generate_latest(of_room), media_type=CONTENT_TYPE_LATEST)

    return router


class Opened:
    """Lets a closed room answer for its health and its metrics, and nothing else: 503, come back."""

    def __init__(self, app: ASGIApp, room: str, readiness: Readiness) -> None:
        self._app = app
        self._room = room
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on where the room is open."""
        target = self._app
        closed = scope["type"] == "http" and not self._readiness.is_open
        if closed and not is_always_answered(self._room, scope["path"]):
            language = problems.language_of(Headers(scope=scope).get("accept-language"))
            target = problems.answer(problems.try_again(), language)
        await target(scope, receive, send)


class Measured:
    """Counts and times requests, and gives each an id that the answer carries."""

    def __init__(self, app: ASGIApp, room: str) -> None:
        self._app = app
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, watching its start line."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(new_id())
        facts = {"chartrier.room": self._room, "chartrier.request_id": request_id}
        asked_in = Headers(scope=scope).get(TRACEPARENT)
        with spanning(scope["method"], context_of(asked_in), facts, SpanKind.SERVER) as span:
            await self._watch(scope, receive, _naming(send, request_id), span)

    async def _watch(self, scope: Scope, receive: Receive, send: Send, span: Span) -> None:
        started = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            # The route's pattern, never the path: identifiers would make endless series.
            route = getattr(scope.get("route"), "path", "unmatched")
            span.update_name(f"{scope['method']} {route}")
            span.set_attribute("http.response.status_code", status)
            method = scope["method"] if scope["method"] in METHODS else "other"
            REQUESTS.labels(self._room, method, route, str(status)).inc()
            REQUEST_SECONDS.labels(self._room, route).observe(time.perf_counter() - started)


def _naming(send: Send, request_id: str) -> Send:
    async def named(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
        await send(message)

    return named
