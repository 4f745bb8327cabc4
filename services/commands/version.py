"""``version``: which archive this is, and whether its tables are those it expects."""

import argparse
import platform
from importlib import metadata

from sqlalchemy.exc import DBAPIError

from services.commands.asking import in_room, table
from services.commands.frame import ACTOR, Answer, Commands, DatabaseAway, Fault, add_command, places
from shared.database.migrations import expected_head, found_head
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import RoomDatabase
from shared.rooms import ROOMS


def add_to(commands: Commands) -> None:
    """Add the command."""
    add_command(commands, "version", "name the version, and the state of the tables it finds", run)


def run(_: argparse.Namespace) -> Answer:
    """Name versions; for rooms that can be reached, also the state that their tables are in."""
    found = _found()
    states = [(room, expected_head(room), found.get(room)) for room in ROOMS]
    facts = {
        "version": metadata.version("chartrier"),
        "python": platform.python_version(),
        "migrations": {room: {"expected": expected, "found": seen} for room, expected, seen in states},
    }
    rows = [(room, expected, seen or "not reached") for room, expected, seen in states]
    title = f"Chartrier {facts['version']}, Python {facts['python']}"
    return Answer(facts, [title, "", *table([("room", "expected", "found"), *rows])])


def _found() -> dict[str, str | None]:
    """Return room → the last migration of its tables, as far as rooms can be reached and let us see it."""
    try:
        reached = places()
    except Fault:
        return {}
    found: dict[str, str | None] = {}
    for place in reached:
        try:
            found[place.room] = in_room(place, _ask)
        except (DatabaseAway, DBAPIError):
            # Away, or as an older version left it: without the right to see what was done to it.
            continue
    return found


async def _ask(database: RoomDatabase) -> str | None:
    async with database.begin() as tx:
        tx.journal(JournalLineV1(kind="events", action="version.asked", actor=ACTOR, object=f"room:{database.room}"))
        return await found_head(tx.connection)
