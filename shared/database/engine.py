"""Engines and table metadata: each room sees its own schema only, by search path and by right."""

from sqlalchemy import MetaData
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


def room_engine(url: str, room: str, *, pool: int = 8) -> AsyncEngine:
    """Open an engine whose connections work in the room's schema; at most `pool` + 4 connections."""
    return create_async_engine(
        url,
        pool_size=pool,
        max_overflow=4,
        pool_timeout=30,
        # No ping before each use: it would double the round trips. A lost connection fails one statement, the
        # pool then drops its older ones, and whoever called tries again (an HTTP caller hears 503).
        pool_pre_ping=False,
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
