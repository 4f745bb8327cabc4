"""Failures below our code as HTTP tells them: of the world, a 503 that says to come back; of a value, a 400."""

import logging

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError

from shared.database.outage import UNREACHABLE, is_outage
from shared.messaging.outcome import TryAgain
from shared.object_store.errors import StoreUnavailable
from shared.problems import Problem, answer, language_of, try_again
from shared.telling import told

log = logging.getLogger(__name__)

OUTAGES: tuple[type[Exception], ...] = (TryAgain, StoreUnavailable, *UNREACHABLE)

UNREADABLE = ("22021", "22P05", "22000")
"""What PostgreSQL says of text with U+0000 or half a surrogate, and its driver of numbers beyond its types."""


def install(app: FastAPI) -> None:
    """Make each failure of the world a 503 problem with a Retry-After; bugs stay what they are."""
    for outage in OUTAGES:
        app.add_exception_handler(outage, _outage)
    app.add_exception_handler(DBAPIError, _database_error)


async def _outage(request: Request, error: Exception) -> JSONResponse:
    log.warning("request refused for now", extra={"reason": told(error)})
    return answer(try_again(), language_of(request.headers.get("accept-language")))


async def _database_error(request: Request, error: Exception) -> JSONResponse:
    if is_outage(error):
        return await _outage(request, error)
    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in UNREADABLE:
        log.info("request refused", extra={"reason": told(error)})
        problem = Problem(
            400,
            "unreadable_value",
            "Une valeur de la requête ne peut être enregistrée : caractère nul, ou nombre trop grand.",
            "A value of the request cannot be recorded: a null character, or too large a number.",
        )
        return answer(problem, language_of(request.headers.get("accept-language")))
    raise error
