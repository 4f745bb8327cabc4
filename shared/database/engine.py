"""Engines and table metadata: each room sees its own schema only, by search path and by right."""

from typing import Any

from sqlalchemy import MetaData, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraint names, so that migrations can name what they change."""


def room_metadata() -> MetaData:
    """Return empty metadata with our naming; tables are found through the search path."""
    return MetaData(naming_convention=NAMING)


def role_of(room: str) -> str:
    """Return the database role of a room."""
    return f"chartrier_{room}"


def room_engine(url: str, room: str, *, pool: int = 12) -> AsyncEngine:
    """Open an engine whose connections work in the room's schema; at most `pool` connections."""
    engine = create_async_engine(
        url,
        pool_size=pool,
        # Connections beyond the pool would be opened and closed all the time under load.
        max_overflow=0,
        pool_timeout=30,
        # No ping before each use: it would double the round trips. A lost connection fails one statement, the
        # pool then drops its older ones, and whoever called tries again (an HTTP caller hears 503).
        pool_pre_ping=False,
        # What is written may be anybody's name: no error quotes it.
        hide_parameters=True,
        connect_args={
            "timeout": 10,
            "server_settings": {
                "search_path": f"{room}, public",
                "application_name": f"chartrier {room}",
                "timezone": "UTC",
                # A transaction that stalls holds locks; better to fail and try again.
                "idle_in_transaction_session_timeout": "120000",
                "jit": "off",
            },
        },
    )
    event.listen(engine.sync_engine, "checkout", _refuse_lost)
    return engine


def _refuse_lost(connection: Any, _record: object, _proxy: object) -> None:  # noqa: ANN401 (the driver's)
    """Have the pool open another connection for one that the server has closed since: no round trip needed."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError
