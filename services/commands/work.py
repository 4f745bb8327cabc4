"""``work list|resume|abandon``: long work that is under way, stuck or abandoned, and what to do about it."""

import argparse
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from services.commands.asking import at_least_one, in_each, in_room, lasting, one_line, table
from services.commands.frame import ACTOR, Answer, Commands, Fault, add_command, add_room, places
from shared.clock import rfc3339
from shared.messages.journal import JournalLineV1
from shared.messaging import interventions
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.watchdog import Watched, watched
from shared.rooms import ROOMS

LISTED = 50

LARGEST = 2**63 - 1
"""The largest number that work can have: it is a bigint."""

Act = Callable[[Transaction, str, Sequence[int]], Awaitable[list[int]]]


def add_to(commands: Commands) -> None:
    """Add the command and those below it."""
    summary = "long work: list it, resume it, abandon it"
    below = commands.add_parser("work", help=summary, description=summary).add_subparsers(
        required=True, metavar="list|resume|abandon"
    )
    listing = add_command(below, "list", "name work, the oldest first", run_list)
    add_room(listing)
    listing.add_argument("--stuck", action="store_true", help="only what is stuck, or was abandoned")
    listing.add_argument("--kind", help="of this kind only")
    listing.add_argument("--limit", type=at_least_one, default=LISTED, help="name so many of each room (%(default)s)")
    for name, summary, run in (
        ("resume", "begin work anew at once, whoever holds it", run_resume),
        ("abandon", "give work to nobody until it is resumed", run_abandon),
    ):
        acting = add_command(below, name, summary, run)
        acting.add_argument("id", type=work_id, nargs="+", help="as `work list` names it: storage:42")


def work_id(written: str) -> tuple[str, int]:
    """Read ``storage:42``: a room and the number of its work. Raises `argparse.ArgumentTypeError`."""
    room, _, number = written.partition(":")
    if room not in ROOMS or not number.isdecimal() or int(number) > LARGEST:
        raise argparse.ArgumentTypeError(f"{written!r} is no work: `work list` names it, as storage:42")
    return room, int(number)


def run_list(asked: argparse.Namespace) -> Answer:
    """Name the work of every room."""
    found = in_each(asked.room, partial(_looked, asked))
    pairs = [(room, one) for room, of_room in found.items() for one in of_room]
    if not pairs:
        return Answer({"work": []}, ["No work is stuck or abandoned." if asked.stuck else "No work."])
    return Answer({"work": [_facts(*pair) for pair in pairs]}, table([_HEADINGS, *(_row(*pair) for pair in pairs)]))


async def _looked(asked: argparse.Namespace, database: RoomDatabase) -> list[Watched]:
    async with database.begin() as tx:
        seen = await watched(tx.connection, only_stuck=asked.stuck, kind=asked.kind, most=asked.limit)
        details: dict[str, str | int] = {"work": len(seen)}
        tx.journal(JournalLineV1(kind="events", action="work.listed", actor=ACTOR, details=details))
    return seen


_HEADINGS = ("id", "kind", "state", "due since", "attempts", "key", "last error")


def _row(room: str, one: Watched) -> tuple[str, ...]:
    state = f"{one.state}, stuck" if one.stuck else one.state
    return (
        f"{room}:{one.id}",
        one.kind,
        state,
        lasting(one.seconds),
        str(one.attempts),
        one_line(one.key),
        one_line(one.last_error or "-"),
    )


def _facts(room: str, one: Watched) -> dict[str, Any]:
    return {
        **asdict(one),
        "id": f"{room}:{one.id}",
        "seconds": round(one.seconds),
        "created_at": rfc3339(one.created_at),
    }


def run_resume(asked: argparse.Namespace) -> Answer:
    """Have work begin anew."""
    return _act(asked, interventions.resume, "resumed", "resumed: ready now, its attempts count from zero")


def run_abandon(asked: argparse.Namespace) -> Answer:
    """Have work leased to nobody."""
    return _act(asked, interventions.abandon, "abandoned", "abandoned: nobody works on it until it is resumed")


def _act(asked: argparse.Namespace, act: Act, name: str, said: str) -> Answer:
    """Do it in each room whose work is named. Raises `Fault` for work that is not there."""
    by_room: dict[str, list[int]] = defaultdict(list)
    for room, number in asked.id:
        by_room[room].append(number)
    where = {room: places(room)[0] for room in by_room}
    done: list[str] = []
    for room, numbers in by_room.items():
        absent = in_room(where[room], partial(_acted, act, numbers))
        if absent:
            raise _absent(room, absent, done)
        done += [f"{room}:{number}" for number in dict.fromkeys(numbers)]
    return Answer({name: done}, [f"{one} {said}" for one in done])


class _Absent(Exception):
    """Work that is named is not there; undoes what was done to the rest."""


async def _acted(act: Act, numbers: Sequence[int], database: RoomDatabase) -> list[int]:
    """Do it to all, or to none where some are not there; return those."""
    absent: list[int] = []
    with contextlib.suppress(_Absent):
        async with database.begin() as tx:
            absent = sorted(set(numbers) - set(await act(tx, ACTOR, numbers)))
            if absent:
                raise _Absent
    return absent


def _absent(room: str, numbers: Sequence[int], done: Sequence[str]) -> Fault:
    named = ", ".join(f"{room}:{number}" for number in numbers)
    before = f"done before: {', '.join(done)}" if done else "nothing was done"
    return Fault(f"No work {named} (finished meanwhile?): `work list` names what there is; {before}.")
