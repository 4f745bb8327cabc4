"""Operators' commands that change nothing leave their lines too (GOV-06), and back-ups are put on record."""

import asyncio

import pytest

from shared.messages.journal import JournalLineV1
from shared.rooms import ROOMS
from tests.builders.told import lines_of
from tests.integration.commands.test_operators_hands import Terminal, machine, terminal

pytestmark = pytest.mark.integration

__all__ = ["machine", "terminal"]


def all_lines(terminal: Terminal) -> list[JournalLineV1]:
    return [line for room in ROOMS for line in asyncio.run(lines_of(terminal.databases, room))]


@pytest.mark.parametrize(
    ("command", "action", "rooms"),
    [
        (("work", "list"), "work.listed", len(ROOMS)),
        (("dead-letters", "list"), "dead_letter.listed", len(ROOMS)),
        (("copies", "damaged"), "damage.listed", 1),
        (("version",), "version.asked", len(ROOMS)),
    ],
)
def test_whoever_only_looks_leaves_a_line(
    terminal: Terminal, command: tuple[str, ...], action: str, rooms: int
) -> None:
    terminal(*command)

    lines = all_lines(terminal)
    assert [(line.action, line.kind, line.actor) for line in lines] == [
        (action, "events", "operator:command")
    ] * rooms


def test_a_backup_is_put_on_record(terminal: Terminal) -> None:
    digest = "a" * 128

    said = terminal("backups", "note", "taken", "database", "--at", "2026-11-23", "--sha512", digest)
    failed = terminal.json("backups", "note", "restored", "site", "--failed")

    assert said == "database: on record.\n"
    assert (failed["subject"], failed["what"], failed["failed"]) == ("site", "restored", True)
    first, second = terminal.lines(ROOMS[0])
    assert (first.action, first.object, first.outcome) == ("backup.noted", "backup:database", "ok")
    assert first.details == {"what": "taken", "at": "2026-11-23T00:00:00.000Z", "sha512": digest}
    assert (second.object, second.outcome) == ("backup:site", "ko")
    assert "no SHA-512" in terminal.refused("backups", "note", "taken", "site", "--sha512", "Le Goff")
