"""Tell a database that is away from a statement that is wrong."""

from asyncpg.exceptions import (
    CannotConnectNowError,
    PostgresConnectionError,
    PostgresError,
    TooManyConnectionsError,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

UNREACHABLE: tuple[type[Exception], ...] = (
    PoolTimeout,
    # What a server that is full, just starting or stopping says before there is a connection.
    CannotConnectNowError,
    PostgresConnectionError,
    TooManyConnectionsError,
    OSError,
)
"""What comes out of the driver as it is, when there is no connection to speak of."""

# Class 08: the connection; 57P01 to 57P03: the server goes, has crashed, is not ready; 53300: it is full.
_SQLSTATES = ("08", "57P01", "57P02", "57P03", "53300")


def is_outage(error: BaseException) -> bool:
    """Tell whether the database could not be asked: asked again later, it may answer."""
    if isinstance(error, DBAPIError):
        sqlstate = getattr(error.orig, "sqlstate", None) or ""
        return error.connection_invalidated or sqlstate.startswith(_SQLSTATES)
    # Where the driver was asked itself it says so itself.
    told = (error.sqlstate or "") if isinstance(error, PostgresError) else ""
    return isinstance(error, UNREACHABLE) or told.startswith(_SQLSTATES)
