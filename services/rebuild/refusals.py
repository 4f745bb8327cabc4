"""What a room's database does not take is named, and does not take with it what came in the same batch."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from shared.messaging.outcome import TryAgain

T = TypeVar("T")
R = TypeVar("R")

_OF_THE_VALUES = ("22", "23")
"""Classes of SQLSTATE (PostgreSQL, appendix A): data that cannot be, constraints that are broken."""

NOT_TAKEN = (DBAPIError, TryAgain, ValueError, KeyError, TypeError)
"""What a room raises of values that are not what it wrote; an error of the database's own goes on its way."""


async def as_far_as_taken(
    do: Callable[[Sequence[T]], Awaitable[R]], things: Sequence[T], refused: Callable[[T, str], None]
) -> list[R]:
    """Do it with all together or, where that fails, with each alone; `refused` hears of those it fails with."""
    try:
        return [await do(things)] if things else []
    except NOT_TAKEN as error:
        said = said_of(error)
        if len(things) == 1:
            refused(things[0], said)
            return []
    return [done for thing in things for done in await as_far_as_taken(do, [thing], refused)]


def said_of(error: Exception) -> str:
    """Return for people what is wrong with the values; raise the error again where they are not what is wrong."""
    if not isinstance(error, DBAPIError):
        return f"{type(error).__name__}: {error}"
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if not state.startswith(_OF_THE_VALUES):
        raise error
    return "the database has another of this name" if state.startswith("23") else "the database cannot hold it"
