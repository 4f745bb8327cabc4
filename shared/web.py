"""The HTTP face that every room has alike: guard, problems, metrics, health, request ids."""

import time
from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from opentelemetry.trace import Span, SpanKind
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import outages, problems
from shared.bodies import Bounded, Drained
from shared.identifiers import new_id
from shared.identity.guard import refuse_unguarded, requires
from shared.identity.rights import Permission
from shared.identity.tokens import TokenVerifier
from shared.observability import REQUEST_SECONDS, REQUESTS
from shared.tracing import TRACEPARENT, context_of, spanning

Probe = Callable[[], Awaitable[None]]
"""Returns when what it asks works; raises otherwise."""


def room_app(
    room: str,
    router: APIRouter,
    verifier: TokenVerifier,
    probes: Mapping[str, Probe],
    refresh_metrics: Probe,
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
    app.include_router(router)
    app.include_router(_health(room, probes, refresh_metrics))
    problems.install(app)
    outages.install(app)
    refuse_unguarded(app)
    app.add_middleware(Bounded)
    app.add_middleware(Drained)
    app.add_middleware(Measured, room=room)
    return app


def _health(room: str, probes: Mapping[str, Probe], refresh_metrics: Probe) -> APIRouter:
    router = APIRouter(prefix=f"/{room}", dependencies=[requires(Permission.PUBLIC)])

    @router.get("/health/live", tags=["health"])
    async def live() -> dict[str, str]:
        """Answer as long as the event loop turns."""
        return {"status": "live"}

    @router.get("/health/ready", tags=["health"])
    async def ready() -> JSONResponse:
        """Ask every dependency; 503 names those that do not answer."""
        checks = {name: await _ask(probe) for name, probe in probes.items()}
        well = all(state == "ok" for state in checks.values())
        return JSONResponse({"status": "ready" if well else "unready", "checks": checks}, 200 if well else 503)

    @router.get("/metrics", tags=["health"])
    async def metrics() -> Response:
        """Return the metrics in Prometheus's text form."""
        await refresh_metrics()
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


async def _ask(probe: Probe) -> str:
    try:
        await probe()
    except Exception as error:  # noqa: BLE001 (a probe's business is to report any failure)
        # The class only: messages may name hosts, and this route is public.
        return type(error).__name__
    return "ok"


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
            REQUESTS.labels(self._room, scope["method"], route, str(status)).inc()
            REQUEST_SECONDS.labels(self._room, route).observe(time.perf_counter() - started)


def _naming(send: Send, request_id: str) -> Send:
    async def named(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
        await send(message)

    return named
