"""Bring the tables of all rooms to their newest form, and tell of it in the journal of events.

Told is a change of tables that were there: those of an empty database are made, and the start of each room says which
form they have. A crash between the change and its line leaves that start alone to tell. Source: article R55-4 of the
French postal code, operations of maintenance.
"""

import asyncio
from collections.abc import Mapping
from importlib import metadata

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.database.engine import room_engine
from shared.database.migrations import expected_head, found_head, upgrade_all
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import RoomDatabase
from shared.rooms import ROOMS

ACTOR = "operator:migration"

LOCKED = "55P03"
"""What PostgreSQL says of a lock that was not to be had in time."""


def migrate(owner_url: str) -> None:
    """Do it as the owner of the schemas; call it from no running event loop. Raises `TablesInUse`."""
    before = asyncio.run(_heads(owner_url))
    upgrade_all(owner_url)
    changed = {room: head for room, head in before.items() if head not in (None, expected_head(room))}
    if changed:
        asyncio.run(_tell(owner_url, changed))


async def _heads(owner_url: str) -> Mapping[str, str | None]:
    """Return room → the last migration of its tables; None where it has none."""
    found: dict[str, str | None] = {}
    for room in ROOMS:
        engine = room_engine(owner_url, room, pool=1)
        try:
            async with engine.connect() as connection:
                # Whoever keeps tables locked is told of when they are to be changed.
                await connection.execute(text("SET lock_timeout = '1s'"))
                there = await connection.scalar(text(f"SELECT to_regclass('{room}.alembic_version')"))
                found[room] = None if there is None else await found_head(connection)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != LOCKED:
                raise
            found[room] = None
        finally:
            await engine.dispose()
    return found


async def _tell(owner_url: str, changed: Mapping[str, str | None]) -> None:
    for room, before in changed.items():
        engine = room_engine(owner_url, room, pool=1)
        try:
            async with RoomDatabase(engine, room).begin() as tx:
                tx.journal(_line(room, before or "none"))
        finally:
            await engine.dispose()


def _line(room: str, before: str) -> JournalLineV1:
    return JournalLineV1(
        kind="events",
        action="tables.migrated",
        actor=ACTOR,
        object=f"room:{room}",
        details={"from": before, "to": expected_head(room), "version": metadata.version("chartrier")},
    )
