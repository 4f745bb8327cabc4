"""Errors of the HTTP surface: RFC 9457 problem documents with a stable code, in French or English."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from typing_extensions import override

PROBLEM_TYPE = "application/problem+json"

REFUSALS = frozenset({401, 403, 404})
"""Statuses of answers to whoever may not do, or not see, what they ask for: an attempt that is put on record."""


# Not frozen: whoever raises an exception on sets its traceback.
@dataclass
class Problem(Exception):
    """What went wrong, for the caller: `code` is stable, the texts are for people.

    `noted` where whoever raises it has put the attempt on record, with more than is known where it is answered.
    """

    status: int
    code: str
    fr: str
    en: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    noted: bool = field(default=False, init=False)


def noted(problem: Problem) -> Problem:
    """Return a problem that is on record already."""
    problem.noted = True
    return problem


def not_found() -> Problem:
    """Return the answer for what does not exist, or is not the caller's to see: the same."""
    return Problem(404, "not_found", "Introuvable.", "Not found.")


def out_of_range(size: int) -> Problem:
    """Return the answer to a range that begins beyond the `size` bytes there are (RFC 9110 §15.5.17)."""
    return Problem(
        416,
        "range_not_satisfiable",
        f"Cet intervalle commence au-delà des {size} octets.",
        f"This range begins beyond the {size} bytes.",
        headers={"Content-Range": f"bytes */{size}"},
    )


def try_again() -> Problem:
    """Return the answer when the world fails: the request may be right, and is to be sent again."""
    return Problem(
        503,
        "try_again",
        "Le service ne peut pas répondre pour le moment ; réessayez dans quelques instants.",
        "The service cannot answer for the moment; try again shortly.",
        headers={"Retry-After": "5"},
    )


def too_slow() -> Problem:
    """Return the answer for a body that does not come; the connection closes, whatever is still on its way."""
    return Problem(
        408,
        "too_slow",
        "Le corps de la requête arrive trop lentement ; rien n'a été conservé.",
        "The body of the request comes too slowly; nothing was kept.",
        headers={"Connection": "close"},
    )


def language_of(accept_language: str | None) -> str:
    """Choose between French (default) and English by the order of ``Accept-Language``."""
    for choice in (accept_language or "").lower().split(","):
        tag = choice.split(";")[0].strip()
        if tag.startswith(("fr", "en")):
            return tag[:2]
    return "fr"


_OTHER_PHRASES = {460: "Checksum Mismatch"}
"""Statuses that are no one's but a protocol's of its own: 460 is tus's."""


def document(problem: Problem, language: str) -> dict[str, Any]:
    """Return the members of a problem document (RFC 9457 §3.1)."""
    status = problem.status
    return {
        "type": f"urn:chartrier:problem:{problem.code}",
        "title": _OTHER_PHRASES.get(status) or HTTPStatus(status).phrase,
        "status": status,
        "code": problem.code,
        "detail": problem.fr if language == "fr" else problem.en,
        **problem.extra,
    }


def answer(problem: Problem, language: str) -> JSONResponse:
    """Write a problem as ``application/problem+json``."""
    headers = {"Content-Language": language, **problem.headers}
    return _ProblemDocument(document(problem, language), problem.status, headers)


class _ProblemDocument(JSONResponse):
    media_type = PROBLEM_TYPE

    @override
    def render(self, content: Any) -> bytes:
        # Half a surrogate, quoted back to whoever sent it, has no UTF-8; as a JSON escape it has.
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document; only bugs become a bare 500, without detail."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _bug)


def _language(request: Request) -> str:
    return language_of(request.headers.get("accept-language"))


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 (Starlette's handlers are typed for any exception)
    if error.status in REFUSALS and not error.noted:
        # The guard, which knows who asks, left word of who is to hear of it.
        hear: Callable[[str], None] | None = getattr(request.state, "when_refused", None)
        if hear is not None:
            hear(error.code)
    return answer(error, _language(request))


# What the framework refuses by itself; its own phrases change with the version of Python.
_BY_STATUS = {
    400: ("malformed_request", "Requête illisible.", "The request cannot be read."),
    404: ("not_found", "Introuvable.", "Not found."),
    405: ("method_not_allowed", "Cette méthode n'est pas permise ici.", "This method is not allowed here."),
    408: (too_slow().code, too_slow().fr, too_slow().en),
    413: ("too_large", "Le corps de la requête est trop long.", "The body of the request is too long."),
}


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    phrase = HTTPStatus(status).phrase
    code, fr, en = _BY_STATUS.get(status, (phrase.lower().replace(" ", "_"), phrase, phrase))
    headers = dict(getattr(error, "headers", None) or {})
    if status == 405:
        headers["Allow"] = ", ".join(_methods(request))
    return answer(Problem(status, code, fr, en, headers=headers), _language(request))


def _methods(request: Request) -> list[str]:
    """Every method of a path (RFC 9110 §15.5.6): the framework names those of the first route that has it."""
    routes = iter_route_contexts(request.app.routes)
    ours = [route for route in routes if route.path_regex.match(request.url.path)]
    return sorted({method for route in ours for method in route.methods or ()})


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    faults = [
        {"place": ".".join(str(part) for part in fault["loc"]), "message": fault["msg"]}
        for fault in (error.errors() if isinstance(error, RequestValidationError) else [])
    ]
    problem = Problem(422, "invalid_request", "Requête invalide.", "Invalid request.", extra={"errors": faults})
    return answer(problem, _language(request))


async def _bug(request: Request, _error: Exception) -> JSONResponse:
    problem = Problem(
        500,
        "internal_error",
        "Erreur interne ; elle est enregistrée et sera examinée.",
        "Internal error; it is logged and will be looked into.",
    )
    return answer(problem, _language(request))
