"""``dead-letters list|show|replay|drop``: messages that a consumer gave up, looked at and dealt with."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from services.commands.asking import at_least_one, in_each, in_room, moment, one_line, plain, table
from services.commands.frame import ACTOR, Answer, Commands, Fault, Place, Unclear, add_command, add_room, places
from shared.clock import rfc3339
from shared.messages.journal import JournalLineV1
from shared.messaging import dead_letters
from shared.messaging.dead_letters import Count, Letter, Replayed, Wanted
from shared.messaging.transaction import RoomDatabase

LISTED = 50
"""Letters named unless more are asked for; the counts are of all."""

BATCH = 100
"""Letters sent again in one transaction: one batch of journal lines, and locks held for a moment only."""

ANSWERS = {
    "sent": "sent again to {consumer}",
    "handled": "had been handled meanwhile; the letter is removed, nothing was sent",
    "leaving": "is still on its way from the last time; ask again in a moment",
    "unheard": "is no message that {consumer} hears; it can only be dropped",
    "dropped": "dropped from the letters of {consumer}",
    "gone": "was dealt with by somebody else meanwhile",
}

OUTCOMES = ("sent", "handled", "leaving", "unheard")
"""What may come of sending a letter again: the fields of `Replayed`."""

DEALT_WITH = frozenset({"sent", "handled", "dropped"})
"""Outcomes after which nothing is left to do; any other is an exit status of 1."""


def add_to(commands: Commands) -> None:
    """Add the command and those below it."""
    summary = "messages that could not be handled: list, show, replay, drop"
    below = commands.add_parser("dead-letters", help=summary, description=summary).add_subparsers(
        required=True, metavar="list|show|replay|drop"
    )
    listing = add_command(below, "list", "count them, and name the latest", run_list)
    add_room(listing)
    listing.add_argument("--consumer", help="of this queue only, as storage.copy_aip")
    listing.add_argument("--topic", help="of this topic only, as aip.built.v1")
    listing.add_argument("--since", type=moment, help="died since: 12h, 7d, or a date and time")
    listing.add_argument("--limit", type=at_least_one, default=LISTED, help="name so many (default: %(default)s)")
    showing = add_command(below, "show", "show one with its content, which may name people's files", run_show)
    _add_target(showing)
    showing.add_argument("id", type=UUID)
    replaying = add_command(below, "replay", "send some again to the consumer that gave them up", run_replay)
    _add_target(replaying)
    replaying.add_argument("id", type=UUID, nargs="*")
    replaying.add_argument("--all", action="store_true", help="all that --consumer has given up by now")
    dropping = add_command(below, "drop", "remove some for good; the journal keeps their digests", run_drop)
    _add_target(dropping)
    dropping.add_argument("id", type=UUID, nargs="+")


def _add_target(parser: argparse.ArgumentParser) -> None:
    add_room(parser)
    parser.add_argument("--consumer", help="the queue that gave it up, where several did")


def run_list(asked: argparse.Namespace) -> Answer:
    """Count the letters of every room, and name the latest of each."""
    wanted = Wanted(consumer=asked.consumer, topic=asked.topic, since=asked.since)

    found = in_each(asked.room, partial(_looked, wanted, asked.limit))
    counts = [count for of_room, _ in found.values() for count in of_room]
    letters = sorted((one for _, of_room in found.values() for one in of_room), key=lambda one: one.died_at)
    letters = letters[::-1][: asked.limit]
    facts = {"counts": [_count_facts(count) for count in counts], "letters": [_facts(one) for one in letters]}
    return Answer(facts, _listing(counts, letters))


async def _looked(wanted: Wanted, most: int, database: RoomDatabase) -> tuple[list[Count], list[Letter]]:
    async with database.begin() as tx:
        counts = await dead_letters.counts(tx.connection, wanted)
        letters = await dead_letters.listed(tx.connection, wanted, most)
        details: dict[str, str | int] = {"letters": sum(count.letters for count in counts)}
        tx.journal(JournalLineV1(kind="events", action="dead_letter.listed", actor=ACTOR, details=details))
    return counts, letters


def _listing(counts: Sequence[Count], letters: Sequence[Letter]) -> list[str]:
    if not counts:
        return ["No dead letters."]
    total = sum(count.letters for count in counts)
    summary = [
        (
            str(count.letters),
            count.consumer,
            one_line(count.topic or "-"),
            f"{rfc3339(count.first)} – {rfc3339(count.last)}",
        )
        for count in counts
    ]
    named = [
        (str(one.message_id), rfc3339(one.died_at), one.consumer, one_line(one.topic or "-"), one_line(one.reason))
        for one in letters
    ]
    more = [f"… and {total - len(letters)} more (--limit)"] if total > len(letters) else []
    return [f"{total} dead letters", "", *table(summary), "", *table(named), *more]


def run_show(asked: argparse.Namespace) -> Answer:
    """Show a letter with its content; the journal says that it was shown."""
    facts: list[dict[str, Any]] = []
    lines: list[str] = []
    for place, consumer in _holders(asked, [asked.id])[asked.id]:
        letter, body = in_room(place, partial(_shown, consumer, asked.id))
        facts.append({**_facts(letter), "body": _read(body)})
        lines += [
            f"message   {letter.message_id}",
            f"topic     {one_line(letter.topic or '-')}",
            f"consumer  {letter.consumer}",
            f"died at   {rfc3339(letter.died_at)}",
            f"reason    {plain(letter.reason)}",
            f"body      {letter.size} bytes",
            *_pretty(body),
        ]
    return Answer({"letters": facts}, lines)


async def _shown(consumer: str, message_id: UUID, database: RoomDatabase) -> tuple[Letter, bytes]:
    async with database.begin() as tx:
        letters = await dead_letters.listed(tx.connection, Wanted(message_id, consumer), 1)
        body = await dead_letters.show(tx, ACTOR, letters[0]) if letters else None
    if body is None:
        raise _absent([message_id])
    return letters[0], body


def run_replay(asked: argparse.Namespace) -> Answer:
    """Send letters again, those named or all of one consumer."""
    if asked.all:
        return _replay_all(asked)
    if not asked.id:
        raise Unclear("Name the letters to send again, or --all --consumer QUEUE.")
    told: list[tuple[UUID, str, str]] = []
    for place, consumer, ids in _targets(asked):
        result = in_room(place, partial(_sent, consumer, ids))
        told += [(one, consumer, _outcome(result, one)) for one in ids]
    return _each(told)


async def _sent(consumer: str, ids: Sequence[UUID], database: RoomDatabase) -> Replayed:
    async with database.begin() as tx:
        return await dead_letters.replay(tx, ACTOR, consumer, ids)


def _outcome(result: Replayed, message_id: UUID) -> str:
    return next((name for name in OUTCOMES if message_id in getattr(result, name)), "gone")


def _replay_all(asked: argparse.Namespace) -> Answer:
    if asked.consumer is None or asked.id:
        raise Unclear("--all sends again all letters of one consumer: name it with --consumer, and no letters.")
    totals = in_room(_place_of(asked.consumer), partial(_all_sent, asked.consumer))
    lines = [
        f"{count} letter{'s' * (count > 1)}: {ANSWERS[name].format(consumer=asked.consumer)}"
        for name, count in totals.items()
        if count
    ]
    status = 0 if all(name in DEALT_WITH for name, count in totals.items() if count) else 1
    return Answer({"consumer": asked.consumer, **totals}, lines or [f"{asked.consumer} has no dead letters."], status)


async def _all_sent(consumer: str, database: RoomDatabase) -> dict[str, int]:
    async with database.reading() as connection:
        # What dies again while we are at it is not ours to send again.
        begun = await connection.scalar(select(func.now()))
    wanted = Wanted(consumer=consumer, until=begun)
    totals = dict.fromkeys(OUTCOMES, 0)
    last: UUID | None = None
    while True:
        async with database.begin() as tx:
            ids = await dead_letters.next_ids(tx.connection, wanted, last, BATCH)
            result = await dead_letters.replay(tx, ACTOR, consumer, ids)
        for name in OUTCOMES:
            totals[name] += len(getattr(result, name))
        if len(ids) < BATCH:
            return totals
        last = ids[-1]


def run_drop(asked: argparse.Namespace) -> Answer:
    """Remove letters for good."""
    told: list[tuple[UUID, str, str]] = []
    for place, consumer, ids in _targets(asked):
        dropped = in_room(place, partial(_dropped, consumer, ids))
        told += [(one, consumer, "dropped" if one in dropped else "gone") for one in ids]
    return _each(told)


async def _dropped(consumer: str, ids: Sequence[UUID], database: RoomDatabase) -> list[UUID]:
    async with database.begin() as tx:
        return await dead_letters.drop(tx, ACTOR, consumer, ids)


def _each(told: Sequence[tuple[UUID, str, str]]) -> Answer:
    """Say what became of each letter: its id, its consumer, the outcome."""
    facts = [{"message_id": one, "consumer": consumer, "outcome": outcome} for one, consumer, outcome in told]
    lines = [f"{one} {ANSWERS[outcome].format(consumer=consumer)}" for one, consumer, outcome in told]
    return Answer({"letters": facts}, lines, 0 if all(outcome in DEALT_WITH for _, _, outcome in told) else 1)


def _targets(asked: argparse.Namespace) -> list[tuple[Place, str, list[UUID]]]:
    """Return where the letters named are. Raises `Fault` for one that is nowhere, or that several gave up."""
    place_of: dict[str, Place] = {}
    ids_of: dict[str, list[UUID]] = {}
    for one, holders in _holders(asked, asked.id).items():
        if len(holders) > 1:
            names = ", ".join(consumer for _, consumer in holders)
            raise Fault(f"{one} was given up by several consumers: say which with --consumer ({names}).")
        [(place, consumer)] = holders
        place_of[consumer] = place
        ids_of.setdefault(consumer, []).append(one)
    return [(place_of[consumer], consumer, ids) for consumer, ids in ids_of.items()]


def _holders(asked: argparse.Namespace, ids: Sequence[UUID]) -> dict[UUID, list[tuple[Place, str]]]:
    """Return who has given up each of these letters. Raises `Fault` for one that nobody has."""
    holders: dict[UUID, list[tuple[Place, str]]] = {one: [] for one in ids}
    for place in [_place_of(asked.consumer)] if asked.consumer else places(asked.room):
        for letter in in_room(place, partial(_named, asked.consumer, ids)):
            holders[letter.message_id].append((place, letter.consumer))
    if absent := [one for one, found in holders.items() if not found]:
        raise _absent(absent)
    return holders


async def _named(consumer: str | None, ids: Sequence[UUID], database: RoomDatabase) -> list[Letter]:
    async with database.reading() as connection:
        return await dead_letters.named(connection, ids, consumer)


def _place_of(consumer: str) -> Place:
    """Return the room of a consumer, the first part of its name. Raises `Fault`."""
    room, _, _ = consumer.partition(".")
    return places(room)[0]


def _absent(ids: Sequence[UUID]) -> Fault:
    named = ", ".join(map(str, ids))
    return Fault(f"No dead letter {named}: `dead-letters list` names those there are. Nothing was done.")


def _facts(letter: Letter) -> dict[str, Any]:
    return {**asdict(letter), "died_at": rfc3339(letter.died_at)}


def _count_facts(count: Count) -> dict[str, Any]:
    return {**asdict(count), "first": rfc3339(count.first), "last": rfc3339(count.last)}


def _read(body: bytes) -> Any:  # noqa: ANN401 (whatever a message holds)
    """Return what a body says, if it is JSON; else its text, bytes that are none written as escapes."""
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="backslashreplace")


def _pretty(body: bytes) -> list[str]:
    read = _read(body)
    text = read if isinstance(read, str) else json.dumps(read, indent=2, ensure_ascii=False)
    return plain(text).splitlines()
