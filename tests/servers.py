"""Real servers for the tests: one private PostgreSQL a run, a fresh migrated database a module."""

import asyncio
from dataclasses import dataclass
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

from services.local.postgres import Postgres
from services.local.postgres_roles import provision
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
        url = make_url(self.superuser_url).set(drivername="postgresql")
        connection = await asyncpg.connect(url.render_as_string(hide_password=False))
        try:
            rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
            return rows
        finally:
            await connection.close()


def fresh(server: Postgres, rooms: tuple[str, ...]) -> Databases:
    """Make a database of its own with these rooms' schemas in it."""
    made = Databases(server, f"test_{uuid4().hex[:12]}")
    asyncio.run(provision(server.superuser_url, made.name))
    for room in rooms:
        upgrade(made.owner_url, room)
    return made
