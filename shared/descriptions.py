"""What a room's OpenAPI says of every operation alike: who is let in, and how a request is refused."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shared.identity.guard import guarded_routes, permission_of
from shared.identity.rights import Permission
from shared.problems import PROBLEM_TYPE

REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {"$ref": "#/components/responses/Refusal"},
    503: {"$ref": "#/components/responses/TryAgain"},
}
"""Of any operation: an answer of these kinds is a problem document. What a route says of a status goes before."""

_PROBLEM: Final = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457. `code` is stable and for programs; `title` and `detail` are for people.",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "description": "Of a 422: each place in the request that is not as it should be.",
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "place": {"type": "string"},
                    "message": {"type": "string"},
                    "code": {"type": "string"},
                },
                "required": ["place"],
            },
        },
    },
    "required": ["type", "title", "status", "code", "detail"],
}

_BEARER: Final = {"type": "http", "scheme": "bearer", "description": "A token of POST /admin/v1/token."}


def content_of(media_type: str, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what a route's `responses` say of an answer in this media type; without `schema`, of any shape."""
    return {"content": {media_type: {"schema": dict(schema or {})}}}


def describe(app: FastAPI) -> None:
    """Have `app` describe itself as it is: FastAPI knows neither our guard nor our problem documents."""

    def description() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _description(app)
        return app.openapi_schema

    app.openapi = description  # type: ignore[method-assign] # the way that FastAPI's documentation names


def _description(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, routes=app.routes)
    components = found.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    components["securitySchemes"] = {"bearer": _BEARER}
    problem = content_of(PROBLEM_TYPE, {"$ref": "#/components/schemas/Problem"})
    wait = {"schema": {"type": "integer"}, "description": "Seconds."}
    components["responses"] = {
        "Refusal": {"description": "Refused; `code` says why.", **problem},
        "TryAgain": {"description": "Not now: come back.", "headers": {"Retry-After": wait}, **problem},
    }
    for path, route in guarded_routes(app):
        public = permission_of(route) is Permission.PUBLIC
        for method in route.methods or ():
            found["paths"][path][method.lower()]["security"] = [] if public else [{"bearer": []}]
    return found
