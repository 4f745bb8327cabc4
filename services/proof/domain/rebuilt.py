"""Containers read back: rows as lines again, and what is wrong with them by themselves."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.proof.domain.line import Head, journal_name
from services.proof.domain.verification import ChainCheck, Fault, StoredLine
from shared.messages.journal import JournalKind, JournalLineV1


@dataclass(frozen=True, slots=True)
class Container:
    """One container as a site gives it; `sha512` and `size` were measured, `expected` is the write log's word."""

    kind: JournalKind
    establishment: UUID | None
    number: int
    first: int
    last: int
    content: bytes
    sha512: str
    expected: str | None

    @property
    def journal(self) -> str:
        """Return the name of the journal."""
        return journal_name(self.kind, self.establishment)


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A row of a container; `facts` is the object that it is, empty for one that is none."""

    number: int
    sha512: bytes
    body: bytes
    facts: dict[str, Any]


def read_container(first: int, content: bytes) -> list[ReadLine]:
    """Return the rows of a container, numbered from its first line on; what ends without a line feed is one too."""
    rows = content.split(b"\n")
    if rows[-1] == b"":
        rows.pop()
    return [
        ReadLine(number, hashlib.sha512(row).digest(), row, _facts(row)) for number, row in enumerate(rows, first)
    ]


def _facts(row: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(row)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def faults_of(journal: str, first: int, last: int, lines: Sequence[ReadLine]) -> list[str]:
    """Return what is wrong with a container by itself, for people; what its first line follows is not asked here."""
    if not lines or len(lines) != last - first + 1:
        return [f"{len(lines)} lines instead of {last - first + 1}"]
    previous = str(lines[0].facts.get("previous", ""))
    check = ChainCheck(journal, Head(first - 1, previous))
    found = check.feed([StoredLine(line.number, line.sha512, line.body, line.facts) for line in lines])
    # The chain names the line whose predecessor is another one: that one, or the one before it, was changed.
    faults = [f"line {one.number}: {one.fault}" for one in found if one.fault is not Fault.MISSING]
    return faults or [f"line {line.number}: no line says this" for line in lines if not _is_line(journal, line.facts)]


def _is_line(journal: str, facts: Mapping[str, Any]) -> bool:
    """Say whether an object has what a line has (docs/journal-format.md), as its journal's lines have it."""
    try:
        line = JournalLineV1.model_validate({**facts, "transfer_id": facts["transfer"]}, strict=False)
        datetime.fromisoformat(facts["recorded_at"]), datetime.fromisoformat(facts["occurred_at"])
        return (
            journal_name(line.kind, line.establishment) == journal
            and isinstance(facts["sender"], str)
            and isinstance(facts["batch"], int)
            and re.fullmatch("[0-9a-f]{128}", facts["batch_sha512"]) is not None
        )
    except (ValueError, KeyError, TypeError):
        return False


def follows(line: ReadLine, later: ReadLine) -> bool:
    """Say whether a line may come after another: if it is the next one, it names its digest."""
    return later.number != line.number + 1 or later.facts.get("previous") == line.sha512.hex()
