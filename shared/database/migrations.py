"""Run a room's Alembic migrations, as owner, under a lock time-out."""

import asyncio
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from shared.database.engine import role_of
from shared.rooms import ROOMS

LOCK_TIMEOUT = "5s"
"""A migration that waits longer for a lock gives up rather than stop the traffic behind it."""


def upgrade(owner_url: str, room: str) -> None:
    """Bring one room's schema to its newest form. Call it from no running event loop."""
    config = _config(room)
    config.attributes["owner_url"] = owner_url
    command.upgrade(config, "head")


def _config(room: str) -> Config:
    config = Config()
    folder = Path(__file__).resolve().parents[2] / "services" / room / "migrations"
    config.set_main_option("script_location", str(folder))
    return config


def expected_head(room: str) -> str:
    """Return the last migration of a room that this code knows."""
    return str(ScriptDirectory.from_config(_config(room)).get_current_head())


async def found_head(connection: AsyncConnection) -> str | None:
    """Return the last migration that a room's tables have seen; `connection` is the room's own."""
    head: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return head


def upgrade_all(owner_url: str) -> None:
    """Bring every room's schema to its newest form."""
    for room in ROOMS:
        upgrade(owner_url, room)


def run(room: str) -> None:
    """Do the work of a room's ``env.py``: one transaction, in the room's schema."""
    owner_url = context.config.attributes["owner_url"]
    asyncio.run(_run(owner_url, room))


async def _run(owner_url: str, room: str) -> None:
    engine = create_async_engine(owner_url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_migrate, room)
    finally:
        await engine.dispose()


def _migrate(connection: Connection, room: str) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {room}"))
    connection.execute(text(f"GRANT USAGE ON SCHEMA {room} TO {role_of(room)}"))
    connection.execute(text(f"SET LOCAL search_path TO {room}, public"))
    context.configure(connection=connection, version_table_schema=room)
    with context.begin_transaction():
        context.run_migrations()
    # So that the room itself can tell whether its tables are those it expects.
    connection.execute(text(f"GRANT SELECT ON {room}.alembic_version TO {role_of(room)}"))
