"""What every command has in common: the rooms it may speak for, and how it answers.

A command does what it does in a room's own database, with that room's role: as one that runs beside it would.
"""

import argparse
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from services import all_in_one
from services.local import stack
from services.local.settings import LocalSettings, as_if_told, is_told
from shared.configuration import read
from shared.database.engine import room_engine
from shared.database.outage import is_outage
from shared.messaging.transaction import RoomDatabase
from shared.rooms import ROOMS
from shared.settings import RoomSettings

ACTOR = "operator:command"
"""Who the journal says it was: somebody at the machine itself, known to the machine and not to us."""

UNAVAILABLE = 69
"""Exit status when something we need does not answer (EX_UNAVAILABLE of sysexits.h)."""


class Fault(Exception):
    """What keeps a command from doing what was asked; the text tells the operator what to do."""

    status = 1


class Unclear(Fault):
    """The command line does not say what to do; argparse ends with the same status."""

    status = 2


class DatabaseAway(Fault):
    """The room's database does not answer."""

    status = UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has to say: `facts` for programs (``--json``), `lines` for people."""

    facts: Any
    lines: Sequence[str]
    status: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """A room that this process may speak for, and the variables by which it would be told where everything is."""

    room: str
    told: Mapping[str, str]


Run = Callable[[argparse.Namespace], Answer]

Commands = Any
"""What `ArgumentParser.add_subparsers` returns; argparse gives it no public name."""


def add_command(commands: Commands, name: str, summary: str, run: Run) -> argparse.ArgumentParser:
    """Add a command, or one below another; return its parser, for arguments of its own."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="answer in JSON, for programs")
    parser.set_defaults(run=run)
    return parser


def add_room(parser: argparse.ArgumentParser) -> None:
    """Let the operator say which room is meant."""
    parser.add_argument("--room", choices=ROOMS, help="this room only (default: every room this process may see)")


def answer(asked: argparse.Namespace) -> int:
    """Run the command that was asked for, print what it says, and return the exit status."""
    try:
        said = asked.run(asked)
    except Fault as fault:
        return _refuse(asked, str(fault), fault.status)
    lines = [json.dumps(said.facts, indent=2, ensure_ascii=False, default=str)] if asked.json else said.lines
    for line in lines:
        print(line)
    return int(said.status)


def _refuse(asked: argparse.Namespace, text: str, status: int) -> int:
    if asked.json:
        print(json.dumps({"error": text}, ensure_ascii=False))
    else:
        print(text, file=sys.stderr)
    return status


def places(room: str | None = None) -> list[Place]:
    """Return the rooms that this process may speak for, or the one that is named.

    Raises `Fault` for none, `DatabaseAway` where the archive in CHARTRIER_HOME is stopped.

    The one that its environment is told to be; else all those of the archive in CHARTRIER_HOME, the full stack
    or the all-in-one.
    """
    found = _own() if is_told("CHARTRIER_DATABASE_URL") else _of_this_machine()
    if not found:
        raise Fault(
            "No archive here. Where a room runs (its pod, its machine), its own environment is used; "
            "on one machine say where the archive lies: CHARTRIER_HOME=…"
        )
    chosen = [place for place in found if room in (None, place.room)]
    if not chosen:
        raise Fault(f"{room} is not among the rooms this process may speak for: {', '.join(p.room for p in found)}.")
    return chosen


def _own() -> list[Place]:
    url = read(RoomSettings).database_url.get_secret_value()
    try:
        role = make_url(url).username or ""
    except ArgumentError as error:
        raise Fault("CHARTRIER_DATABASE_URL is not an address of a database.") from error
    room = role.removeprefix("chartrier_")
    if room not in ROOMS:
        raise Fault(f"CHARTRIER_DATABASE_URL names the role {role!r}, which is no room's own (chartrier_<room>).")
    return [Place(room, {})]


def _of_this_machine() -> list[Place]:
    settings = read(LocalSettings)
    try:
        told = stack.told_to_rooms(settings.home) or all_in_one.told_to_rooms(settings)
        stopped = None if told else _stopped(settings)
    except PermissionError as error:
        raise Fault(f"{error.filename} may be read by its owner alone: be that user.") from error
    if stopped is not None:
        raise DatabaseAway(f"The archive in {settings.home} is stopped, or its database is: {stopped}.")
    return [Place(room, variables) for room, variables in told.items()]


def _stopped(settings: LocalSettings) -> str | None:
    """Return what opens again the archive that lies in this folder; None where none does."""
    if stack.load(settings.home) is not None:
        return "make up"
    return "make run" if all_in_one.is_there(settings) else None


@contextmanager
def at(place: Place) -> Iterator[RoomSettings]:
    """Be told what the room is told while the block lasts: settings made in it are that room's."""
    with as_if_told(place.told):
        yield read(RoomSettings)


@asynccontextmanager
async def opened(settings: RoomSettings, room: str) -> AsyncIterator[RoomDatabase]:
    """Open a room's database for one command. Raises `DatabaseAway`."""
    async with opened_at(settings.database_url, room) as database:
        yield database


@asynccontextmanager
async def opened_at(address: SecretStr, room: str, *, pool: int = 2) -> AsyncIterator[RoomDatabase]:
    """Open a room's database at an address, with at most `pool` connections. Raises `DatabaseAway`."""
    engine = room_engine(address.get_secret_value(), room, pool=pool)
    try:
        yield RoomDatabase(engine, room)
    except Exception as error:
        if not is_outage(error):
            raise
        raise DatabaseAway(
            f"The database of {room} does not answer ({type(error).__name__}). Is it running?"
        ) from error
    finally:
        await engine.dispose()
