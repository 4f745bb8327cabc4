"""Verification finds whatever was done to a journal behind our back."""

import json
from datetime import UTC, datetime

import pytest
import rfc8785

from services.proof.domain.line import Head, Origin, fix
from services.proof.domain.verification import Anomaly, ChainCheck, Fault, StoredLine, is_canonical
from shared.checksums import sha512_of
from tests.builders.journal import ESTABLISHMENT, a_line

NAME = f"archives.{ESTABLISHMENT}"


def a_journal(count: int) -> list[StoredLine]:
    head, lines = Head(), []
    for index in range(count):
        line = a_line(details={"turn": index})
        fixed = fix(line, Origin("ingest", 1, "0" * 128), index, head, datetime(2026, 11, 23, tzinfo=UTC))
        head = Head(fixed.number, fixed.sha512)
        lines.append(StoredLine(fixed.number, bytes.fromhex(fixed.sha512), fixed.body))
    return lines


def head_of(lines: list[StoredLine]) -> Head:
    return Head(lines[-1].number, lines[-1].sha512.hex())


def verify(lines: list[StoredLine], head: Head, journal: str = NAME) -> list[Anomaly]:
    check = ChainCheck(journal, Head())
    return check.feed(lines) + check.close(head)


def altered(line: StoredLine, *, digest_too: bool) -> StoredLine:
    facts = json.loads(line.body)
    facts["actor"] = "somebody else"
    body = rfc8785.dumps(facts)
    digest = bytes.fromhex(sha512_of(body)) if digest_too else line.sha512
    return StoredLine(line.number, digest, body)


def test_a_whole_journal_is_valid() -> None:
    lines = a_journal(4)

    assert verify(lines, head_of(lines)) == []


def test_an_altered_line_is_named() -> None:
    lines = a_journal(4)
    head = head_of(lines)
    lines[1] = altered(lines[1], digest_too=False)

    assert verify(lines, head) == [Anomaly(2, Fault.DIGEST)]


def test_a_line_altered_with_its_digest_breaks_the_chain_after_it() -> None:
    lines = a_journal(4)
    head = head_of(lines)
    lines[1] = altered(lines[1], digest_too=True)

    assert verify(lines, head) == [Anomaly(3, Fault.CHAIN)]


def test_the_last_line_altered_with_its_digest_is_not_the_head() -> None:
    lines = a_journal(4)
    head = head_of(lines)
    lines[3] = altered(lines[3], digest_too=True)

    assert verify(lines, head) == [Anomaly(4, Fault.HEAD)]


def test_a_line_taken_from_the_middle_is_missed() -> None:
    lines = a_journal(4)
    head = head_of(lines)
    del lines[1]

    assert verify(lines, head) == [Anomaly(2, Fault.MISSING)]


def test_lines_taken_from_the_end_are_missed() -> None:
    lines = a_journal(4)

    assert verify(lines[:2], head_of(lines)) == [Anomaly(3, Fault.MISSING)]


def test_a_line_added_at_the_end_is_not_the_head() -> None:
    lines = a_journal(4)

    assert verify(lines, head_of(lines[:3])) == [Anomaly(4, Fault.HEAD)]


def test_lines_of_another_journal_are_out_of_place() -> None:
    lines = a_journal(1)

    assert verify(lines, head_of(lines), "events.platform") == [Anomaly(1, Fault.MISPLACED)]


def test_a_line_that_says_the_same_in_another_form_is_not_canonical() -> None:
    (line,) = a_journal(1)
    body = json.dumps(json.loads(line.body)).encode()
    spaced = StoredLine(1, bytes.fromhex(sha512_of(body)), body)

    assert verify([spaced], head_of([spaced])) == [Anomaly(1, Fault.NOT_CANONICAL)]


def test_a_line_of_random_bytes_is_unreadable_and_stops_nothing() -> None:
    lines = a_journal(3)
    head = head_of(lines)
    lines[1] = StoredLine(2, lines[1].sha512, b"\x00\xff")

    assert verify(lines, head) == [Anomaly(2, Fault.DIGEST), Anomaly(2, Fault.UNREADABLE)]


BODIES = (
    b'{"a":1,"b":[true,false,null],"c":{"d":"e"}}',
    b'{"a":-1,"b":[-2,3],"c":9007199254740991}',
    b'{"a":9007199254740992}',
    b'{"a":1.0}',
    b'{"a":[1.5,1e3]}',
    b'{"a":-0}',
    b'{"a":1e400}',
    b'{"a":NaN}',
    b'{"a":[-Infinity]}',
    b'{"b":1,"a":2}',
    b'{"a":1,"a":2}',
    b'{"a": 1}',
    b'{"a":"12:00:00.000Z","b":"[1.5","c":"x\\":1.5"}',
    b'{"a":"\\u0000\\b\\f\\n\\r\\t\\u001f\\"\\\\/\x7f"}',
    b'{"a":"\\u001F"}',
    b'{"a":"\\u00e9"}',
    '{"a":"é","é":"\u2028\ufeff"}'.encode(),
    # In the order of UTF-16 the second name comes first.
    '{"\ufb33":1,"😀":2}'.encode(),
    '{"😀":2,"\ufb33":1}'.encode(),
    b'{"a":"\\ud800"}',
    b'{"a":"\xed\xa0\x80"}',
)


@pytest.mark.parametrize("body", BODIES)
def test_what_is_canonical_is_what_rfc_8785_makes(body: bytes) -> None:
    facts = json.loads(body)
    try:
        made = rfc8785.dumps(facts)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        made = None

    assert is_canonical(body, facts) == (made == body)
