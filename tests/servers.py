"""Real servers for the tests: one private PostgreSQL a run, a fresh migrated database a module."""

import asyncio
from dataclasses import dataclass
from functools import cache
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

from services.local.postgres import Postgres
from services.local.postgres_roles import OWNER, provision
from shared.database.engine import role_of, room_engine
from shared.database.migrations import upgrade
from shared.messaging.transaction import RoomDatabase


@dataclass(frozen=True)
class Databases:
    """One database with the schemas of the rooms a test asked for."""

    server: Postgres
    name: str

    @property
    def owner_url(self) -> str:
        return self.server.url("chartrier_owner", self.name)

    @property
    def superuser_url(self) -> str:
        return self.server.url("postgres", self.name)

    def url(self, room: str) -> str:
        return self.server.url(role_of(room), self.name)

    def room(self, room: str) -> RoomDatabase:
        return RoomDatabase(room_engine(self.url(room), room), room)

    async def as_superuser(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(_plain(self.superuser_url))
        try:
            rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
            return rows
        finally:
            await connection.close()


def fresh(server: Postgres, rooms: tuple[str, ...]) -> Databases:
    """Make a database of its own with these rooms' schemas in it, as their migrations leave them."""
    return copied(_pattern(server, rooms))


def copied(pattern: Databases) -> Databases:
    """Make a database like this one, which nobody uses: without the migrations' time."""
    made = Databases(pattern.server, f"test_{uuid4().hex[:12]}")
    asyncio.run(_copy(pattern, made))
    return made


def careless(server: Postgres) -> None:
    """Let a server of tests keep its pages in the system's memory: no test outlives the machine.

    What it has said it keeps outlives its own death as before.
    """
    asyncio.run(_told(server, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"))


@cache
def _pattern(server: Postgres, rooms: tuple[str, ...]) -> Databases:
    made = Databases(server, f"pattern_{uuid4().hex[:12]}")
    asyncio.run(provision(server.superuser_url, made.name))
    for room in rooms:
        upgrade(made.owner_url, room)
    return made


async def _copy(pattern: Databases, made: Databases) -> None:
    # By files: page by page through the write-ahead log costs more where nobody waits for the disk.
    copy = f'CREATE DATABASE "{made.name}" OWNER "{OWNER}" TEMPLATE "{pattern.name}" STRATEGY FILE_COPY'
    await _told(pattern.server, copy)
    # What a role may do with a database is not copied.
    await provision(pattern.server.superuser_url, made.name)


async def _told(server: Postgres, *statements: str) -> None:
    connection = await asyncpg.connect(_plain(server.superuser_url))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
