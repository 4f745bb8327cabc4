"""``config check``: every fault in the settings at once, before anything is started. It needs no database."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from services import all_in_one
from services.commands.frame import Answer, Commands, add_command, add_room
from services.local import room_settings, stack
from services.local.settings import LocalSettings, as_if_told, is_told, told_by_operator
from services.rooms import ROOMS
from shared import configuration
from shared.configuration import Fault
from shared.settings import ProcessSettings

ALL_IN_ONE = "all-in-one"
MAKE_UP = "make up"


@dataclass(frozen=True)
class Seen:
    """What was found of one room, or of all in one process; `shown` is empty where anything is wrong."""

    of: str
    faults: Sequence[Fault]
    hints: Sequence[str]
    shown: Mapping[str, Any]


def add_to(commands: Commands) -> None:
    """Add ``config check``."""
    parser = commands.add_parser("config", help="the settings of this process, or of the rooms of this machine")
    below = parser.add_subparsers(required=True, metavar="command")
    check = add_command(below, "check", "every fault in the settings at once; status 78 if there is any", _check)
    add_room(check)
    check.add_argument("--show", action="store_true", help="also show what is in force, secrets left out")


def _check(asked: argparse.Namespace) -> Answer:
    seen = _look(asked.room)
    facts = {
        one.of: {
            "faults": [asdict(fault) for fault in one.faults],
            "hints": one.hints,
            **({"settings": one.shown} if asked.show else {}),
        }
        for one in seen
    }
    lines = [line for one in seen for line in _lines(one, show=asked.show)]
    wrong = any(one.faults for one in seen)
    return Answer(facts, lines, configuration.WRONG_SETTINGS if wrong else 0)


def _lines(one: Seen, *, show: bool) -> list[str]:
    shown = [f"{one.of}: {name} = {value}" for name, value in one.shown.items()] if show else []
    told = [f"{one.of}: {text}" for text in (*one.faults, *one.hints)]
    return [*shown, *told, *([] if one.faults else [f"{one.of}: the settings are right"])]


def _look(room: str | None) -> list[Seen]:
    """Look at this process's own environment where it is a room's; else at the rooms of this machine."""
    if is_told("CHARTRIER_DATABASE_URL"):
        return [_room(room or _named_by_role(), {})]
    known = _stack_here()
    if known is not None:
        rooms = [_room(name, _next(one.environment)) for name, one in known.rooms.items() if room in (None, name)]
        local = configuration.faults_of((LocalSettings,))
        return [*rooms, *([Seen(MAKE_UP, local, [], {})] if local else [])]
    if room is not None:
        return [_room(room, {})]
    _, faults = all_in_one.checked()
    return [Seen(ALL_IN_ONE, faults, configuration.slips(all_in_one.classes()), {})]


class _Home(BaseSettings):
    """The one setting that says where an archive lies, whatever is wrong with the others."""

    model_config = SettingsConfigDict(env_prefix=configuration.PREFIX, extra="ignore")

    home: Path = LocalSettings.model_fields["home"].default


def _stack_here() -> stack.Stack | None:
    return stack.load(_Home().home)


def _next(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a room was told with what this environment says besides: so would `make up` start it from here."""
    said = {name: value for name, value in told_by_operator().items() if name not in room_settings.CHOSEN}
    return {**environment, **said}


class _Address(BaseSettings):
    """The one setting that says which room this is, whatever is wrong with the others."""

    model_config = SettingsConfigDict(env_prefix=configuration.PREFIX, extra="ignore")

    database_url: SecretStr


def _named_by_role() -> str | None:
    """Say which room the environment is, by its database role; None where that cannot be told."""
    try:
        role = make_url(_Address().database_url.get_secret_value()).username or ""
    except (ArgumentError, ValueError):
        return None
    room = role.removeprefix("chartrier_")
    return room if room in ROOMS else None


def _room(room: str | None, environment: Mapping[str, str]) -> Seen:
    told = {name: value for name, value in environment.items() if name.startswith(configuration.PREFIX)}
    with as_if_told(told):
        if room is None:
            return _some_room()
        classes: tuple[type[BaseSettings], ...] = (ProcessSettings, ROOMS[room].own)
        faults = configuration.faults_of(classes)
        shown = (
            {}
            if faults
            else {name: value for settings in classes for name, value in configuration.shown(settings()).items()}
        )
        return Seen(room, faults, configuration.slips(classes), shown)


def _some_room() -> Seen:
    """Say what is wrong whichever room it is; what one of them requires, another may not."""
    classes: tuple[type[BaseSettings], ...] = (ProcessSettings, *(plan.own for plan in ROOMS.values()))
    common = configuration.faults_of((ProcessSettings,))
    known = [fault for fault in configuration.faults_of(classes) if fault in common or not fault.is_missing]
    hint = "Which room is it? Neither --room nor the role in CHARTRIER_DATABASE_URL (chartrier_<room>) says so."
    return Seen("a room", known, [hint, *configuration.slips(classes)], {})
