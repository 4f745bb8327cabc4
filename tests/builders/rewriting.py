"""What a superuser can do to a journal: write it anew, so that it hangs together by itself to its end."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import rfc8785

Facts = dict[str, Any]
Change = Callable[[list[Facts]], list[Facts]]
Ask = Callable[..., Awaitable[Any]]
"""Gives the database a statement and its arguments, and returns rows."""


def altered(lines: list[Facts]) -> list[Facts]:
    """Change what the second line says."""
    return [lines[0], {**lines[1], "actor": "client:somebody-else"}, *lines[2:]]


def dropped(lines: list[Facts]) -> list[Facts]:
    """Leave out the second line."""
    return [lines[0], *lines[2:]]


def reordered(lines: list[Facts]) -> list[Facts]:
    """Have the second and the third line change places."""
    return [lines[0], lines[2], lines[1], *lines[3:]]


def inserted(lines: list[Facts]) -> list[Facts]:
    """Say the first line once more, of something else, after itself."""
    return [lines[0], {**lines[0], "object": "transfer:never-was"}, *lines[1:]]


def back_dated(lines: list[Facts]) -> list[Facts]:
    """Have the last line be recorded years ago."""
    return [*lines[:-1], {**lines[-1], "recorded_at": "2020-01-01T00:00:00.000Z"}]


def last_altered(lines: list[Facts]) -> list[Facts]:
    """Change what the last line says."""
    return [*lines[:-1], {**lines[-1], "actor": "client:somebody-else"}]


def without_batch(lines: list[Facts]) -> list[Facts]:
    """Leave out every line of the batch that tells of the first catalogue."""
    batch = next((one["sender"], one["batch"]) for one in lines if one["action"] == "aip.catalogued")
    return [one for one in lines if (one["sender"], one["batch"]) != batch]


def rewritten(bodies: Sequence[bytes], change: Change) -> list[bytes]:
    """Return the lines of a whole journal as a change leaves them, numbered and chained anew."""
    written: list[bytes] = []
    previous = "0" * 128
    for number, facts in enumerate(change([json.loads(body) for body in bodies]), 1):
        written.append(rfc8785.dumps({**facts, "number": number, "previous": previous}))
        previous = hashlib.sha512(written[-1]).hexdigest()
    return written


async def rewrite(ask: Ask, journal: str, change: Change) -> None:
    """Write a journal of the database anew, its head too, past rights and triggers."""
    rows = await ask(
        """SELECT journal.id, line.body FROM proof.line JOIN proof.journal ON journal.id = line.journal
           WHERE journal.name = $1 ORDER BY line.number""",
        journal,
    )
    bodies = rewritten([row["body"] for row in rows], change)
    digests = [hashlib.sha512(body).digest() for body in bodies]
    await ask("ALTER TABLE proof.line DISABLE TRIGGER line_stays")
    await ask("DELETE FROM proof.line WHERE journal = $1", rows[0]["id"])
    await ask(
        """INSERT INTO proof.line (journal, number, sha512, body)
           SELECT $1, * FROM unnest($2::bigint[], $3::bytea[], $4::bytea[])""",
        rows[0]["id"],
        list(range(1, len(bodies) + 1)),
        digests,
        bodies,
    )
    await ask(
        "UPDATE proof.journal SET number = $2, sha512 = $3 WHERE id = $1", rows[0]["id"], len(bodies), digests[-1]
    )
    await ask("ALTER TABLE proof.line ENABLE TRIGGER line_stays")
