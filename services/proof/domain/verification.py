"""Recompute the chain of a journal from its lines alone, and name every line that is not as it was fixed."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import rfc8785

from services.proof.domain.line import FORMAT, Head


class Fault(StrEnum):
    """What may be wrong with a line, or with the end of a journal; last: a seal has another line of that number."""

    MISSING = "line_missing"
    UNREADABLE = "line_unreadable"
    DIGEST = "digest_mismatch"
    NOT_CANONICAL = "not_canonical"
    MISPLACED = "line_misplaced"
    CHAIN = "previous_mismatch"
    HEAD = "head_mismatch"
    SEALED = "sealed_head_mismatch"


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One fault found; `number` is the line's, or that of the first line of several missing."""

    number: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A line as the database gives it back; `facts` is the object that it is, where it was read before."""

    number: int
    sha512: bytes
    body: bytes
    facts: dict[str, Any] | None = None


class ChainCheck:
    """Goes down a journal, line after line, remembering only the last one.

    Begin after `start` (an empty head: at the beginning); feed it lines in order of number; `end` tells
    where it has come to.
    """

    def __init__(self, journal: str, start: Head) -> None:
        self._journal = journal
        self.end = start
        self.lines = 0

    def feed(self, lines: Sequence[StoredLine]) -> list[Anomaly]:
        """Check the next lines; return what is wrong with them."""
        return [anomaly for line in lines for anomaly in self._check(line)]

    def close(self, head: Head) -> list[Anomaly]:
        """Compare where the lines end with the head that the journal claims."""
        if self.end.number < head.number:
            return [Anomaly(self.end.number + 1, Fault.MISSING)]
        return [] if self.end == head else [Anomaly(self.end.number, Fault.HEAD)]

    def _check(self, line: StoredLine) -> list[Anomaly]:
        found: list[Fault] = []
        gap = line.number != self.end.number + 1
        missing = [Anomaly(self.end.number + 1, Fault.MISSING)] if gap else []
        if hashlib.sha512(line.body).digest() != line.sha512:
            found.append(Fault.DIGEST)
        facts = line.facts or _read(line.body)
        if facts is None:
            found.append(Fault.UNREADABLE)
        else:
            found += self._against(line, facts, follows=not gap)
        # Go on from what the line claims to be: each fault is told once, not on every line after it.
        self.end = Head(line.number, line.sha512.hex())
        self.lines += 1
        return missing + [Anomaly(line.number, fault) for fault in found]

    def _against(self, line: StoredLine, facts: dict[str, Any], *, follows: bool) -> list[Fault]:
        found = []
        place = (FORMAT, self._journal, line.number)
        if (facts.get("format"), facts.get("journal"), facts.get("number")) != place:
            found.append(Fault.MISPLACED)
        if follows and facts.get("previous") != self.end.sha512:
            found.append(Fault.CHAIN)
        if not is_canonical(line.body, facts):
            found.append(Fault.NOT_CANONICAL)
        return found


def _read(body: bytes) -> dict[str, Any] | None:
    try:
        facts = json.loads(body)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) else None


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_BEYOND_THE_BASIC_PLANE = re.compile(rb"[\xf0-\xf7]")


def is_canonical(body: bytes, facts: dict[str, Any]) -> bool:
    """Say whether bytes are the canonical JSON (RFC 8785) of the object that was read from them.

    For nearly all lines that is what the standard library writes, ten times as fast. RFC 8785 goes its own way with
    numbers that are no small integers, and orders names beyond the basic plane otherwise.
    """
    try:
        if _is_plain(facts) and (body.isascii() or not _BEYOND_THE_BASIC_PLANE.search(body)):
            return _ENCODER.encode(facts).encode() == body
        return rfc8785.dumps(facts) == body
    except (rfc8785.CanonicalizationError, ValueError):  # of the latter: a text that no UTF-8 is
        return False


_SAFE = 2**53


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return True
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return not isinstance(value, float) and (not isinstance(value, int) or -_SAFE < value < _SAFE)
