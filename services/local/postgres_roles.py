"""The database of the archive and the roles of its rooms, made once with the rights of a superuser."""

from contextlib import suppress

import asyncpg
from sqlalchemy import make_url

from shared.database.engine import role_of
from shared.rooms import ROOMS

OWNER = "chartrier_owner"


async def provision(superuser_url: str, database: str = "chartrier") -> None:
    """Owner, room roles, database and extensions exist afterwards; run again, it changes nothing.

    Schemas, tables and what each role may do with them are the migrations' business, run as the owner.
    """
    server = await asyncpg.connect(_plain(superuser_url))
    try:
        for role in (OWNER, *(role_of(room) for room in ROOMS)):
            if not await server.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                # Two test runs may share a server: whoever comes second finds the role made.
                with suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
                    await server.execute(f'CREATE ROLE "{role}" LOGIN')
        if not await server.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            await server.execute(f'CREATE DATABASE "{database}" OWNER "{OWNER}"')
    finally:
        await server.close()
    await _open(superuser_url, database)


async def _open(superuser_url: str, database: str) -> None:
    inside = await asyncpg.connect(_plain(superuser_url, database))
    try:
        await inside.execute(f'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC')
        for room in ROOMS:
            await inside.execute(f'GRANT CONNECT, TEMPORARY ON DATABASE "{database}" TO "{role_of(room)}"')
        # Only a superuser may create it in every version of PostgreSQL we meet; search needs it.
        await inside.execute("CREATE EXTENSION IF NOT EXISTS unaccent")
    finally:
        await inside.close()


def _plain(url: str, database: str | None = None) -> str:
    """Write the address as asyncpg wants it, without SQLAlchemy's driver name."""
    address = make_url(url).set(drivername="postgresql")
    return (address if database is None else address.set(database=database)).render_as_string(hide_password=False)
