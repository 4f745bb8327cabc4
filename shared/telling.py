"""What may be said of an exception where operators read it: in logs, in `last_error`, with a dead letter.

The text of an exception often quotes what it failed on: a file name, a title, a value of a statement. Those belong
to the establishments, and operators never read content. So what is not ours is told by its class, with the code or
the place in our schema that says what happened; ours is told whole, for its texts name identifiers and keys only.
"""

import errno
import re
import traceback
from collections.abc import Iterator

from asyncpg import PostgresError
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from shared.messaging.outcome import HandlingError
from shared.object_store.errors import StoreError

OURS: tuple[type[BaseException], ...] = (HandlingError, StoreError)
"""Exceptions whose texts we write: their words are identifiers, keys, names of sites and of rooms."""

LONGEST = 500
"""Characters kept of a text."""

_FRAME = re.compile(r'^  File "[^"\n]+\.py", line \d+, in [\w.<>]+$', re.MULTILINE)


def told(error: BaseException) -> str:
    """Return what may be said of `error`: its class, and why where that quotes nothing; at most `LONGEST` long."""
    why = _why(error)
    name = type(error).__name__
    return (f"{name}: {why}" if why else name)[:LONGEST]


def _why(error: BaseException) -> str:
    if isinstance(error, OURS):
        return str(error)
    if isinstance(error, DBAPIError):
        return "lost connection" if error.connection_invalidated else _of_driver(error.orig)
    if isinstance(error, PostgresError):
        return _of_server(error)
    if isinstance(error, ValidationError):
        # The first part of a place is a field that we have declared; the rest may be a key that came with the data.
        faults = [(fault["loc"][:1], fault["type"]) for fault in error.errors(include_input=False, include_url=False)]
        return f"{error.title}: " + ", ".join(" ".join((*map(str, place), kind)) for place, kind in faults)
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno, str(error.errno))
    return ""


def _of_driver(error: BaseException | None) -> str:
    if error is None:
        return ""
    server = error.__cause__
    return (
        f"{type(error).__name__} {_of_server(server)}".rstrip() if isinstance(server, PostgresError) else told(error)
    )


def _of_server(error: PostgresError) -> str:
    # Names in our own schema; what the server says of them in words may quote the row.
    named = (error.sqlstate, getattr(error, "table_name", None), getattr(error, "constraint_name", None))
    return " ".join(str(name) for name in named if name)


def told_traceback(error: BaseException) -> str:
    """Return the traceback of an exception and of what led to it: our lines of code, never what they worked on."""
    return "\n".join(_lines(error, set()))


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    if id(error) in seen:
        return
    seen.add(id(error))
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        yield from _lines(earlier, seen)
        yield "which led to:"
    yield "Traceback (most recent call last):"
    yield from (line.rstrip("\n") for line in traceback.format_tb(error.__traceback__))
    # A child process hands its traceback over as one text.
    yield from _FRAME.findall(str(getattr(error, "tb", "")))
    yield told(error)
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _lines(one, seen)
