"""Run a room's Alembic migrations, as owner, under a lock time-out."""

import asyncio
import time
from pathlib import Path

from alembic import command, context, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from shared.database.engine import role_of
from shared.rooms import ROOMS

LOCK_TIMEOUT = "400ms"
"""A migration that waits longer for a lock lets go of all it has, rather than stop the traffic behind it.

Shorter than PostgreSQL's `deadlock_timeout` (1 s): where a migration that changed one table waits for a second, and
the traffic took the two the other way round, it is always the migration that lets go, and no request fails for it.
"""

ATTEMPTS = 30
"""How often a migration tries again; then somebody's long transaction has to end first."""

PAUSE_SECONDS = 1.0
"""How long the traffic passes freely between two attempts."""


# lock_not_available, deadlock_detected
_IN_USE = frozenset({"55P03", "40P01"})


class TablesInUse(Exception):
    """A migration gave up waiting for a table; what it had done is undone, those before it stay. Try again later."""


def upgrade(owner_url: str, room: str, to: str = "head") -> None:
    """Bring one room's schema to a revision, the newest by default. Call it from no running event loop.

    Raises `TablesInUse` where a transaction keeps a table through all `ATTEMPTS`.
    """
    config = _config(room)
    config.attributes["owner_url"] = owner_url
    for attempt in range(1, ATTEMPTS + 1):
        try:
            command.upgrade(config, to)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _IN_USE:
                raise
            if attempt == ATTEMPTS:
                raise TablesInUse(_KEPT.format(room=room, attempts=ATTEMPTS)) from error
            time.sleep(PAUSE_SECONDS)
        else:
            return


_KEPT = (
    "{room}: a transaction keeps a table that a migration needs; after {attempts} attempts it is left undone, and "
    "the traffic goes on. Run it again when that transaction has ended (the oldest xact_start in pg_stat_activity)."
)


def _config(room: str) -> Config:
    config = Config()
    folder = Path(__file__).resolve().parents[2] / "services" / room / "migrations"
    config.set_main_option("script_location", str(folder))
    return config


def expected_head(room: str) -> str:
    """Return the last migration of a room that this code knows."""
    return str(ScriptDirectory.from_config(_config(room)).get_current_head())


def is_behind(room: str, found: str | None) -> bool:
    """Say whether tables lack a migration that this code counts on; those of a later release do not."""
    scripts = ScriptDirectory.from_config(_config(room))
    known = [script.revision for script in scripts.walk_revisions()]
    return found is None or found in known[1:]


async def found_head(connection: AsyncConnection) -> str | None:
    """Return the last migration that a room's tables have seen; `connection` is the room's own."""
    head: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return head


def upgrade_all(owner_url: str) -> None:
    """Bring every room's schema to its newest form; `TablesInUse` as for one."""
    for room in ROOMS:
        upgrade(owner_url, room)


def run(room: str) -> None:
    """Do the work of a room's ``env.py``: each migration in a transaction of its own, in the room's schema."""
    owner_url = context.config.attributes["owner_url"]
    asyncio.run(_run(owner_url, room))


async def _run(owner_url: str, room: str) -> None:
    engine = create_async_engine(owner_url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_migrate, room)
    finally:
        await engine.dispose()


def _migrate(connection: Connection, room: str) -> None:
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {room}"))
    connection.execute(text(f"GRANT USAGE ON SCHEMA {room} TO {role_of(room)}"))
    connection.execute(text(f"SET search_path TO {room}, public"))
    connection.commit()
    context.configure(connection=connection, version_table_schema=room, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
    # So that the room itself can tell whether its tables are those it expects.
    connection.execute(text(f"GRANT SELECT ON {room}.alembic_version TO {role_of(room)}"))
    connection.commit()


def add_index(name: str, on: str, *, unique: bool = False) -> None:
    """In a migration: make an index on a table that has rows, while rooms write to it.

    It waits for whatever transaction is older, and nobody waits behind it. One that an earlier attempt left half
    made is made again. What the migration did before is committed first: it must bear being done twice, for what
    comes after may have to wait for a table, and the whole migration is then begun again.
    """
    kind = "UNIQUE INDEX" if unique else "INDEX"
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute(f"CREATE {kind} CONCURRENTLY {name} ON {on}")
        op.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
