"""The form of journal lines cannot change: any later release must recompute a journal written today."""

import hashlib
import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.proof.domain.line import Head, Origin, fix, journal_name
from services.proof.domain.verification import ChainCheck, StoredLine
from shared.messages.journal import JournalLinesV1
from shared.messaging.chain import batch_digest

GOLDEN = Path(__file__).parents[2] / "golden" / "journal"
# Split on the line feed alone: a line may hold other characters that Python takes for the end of one.
BATCHES = [
    JournalLinesV1.model_validate_json(row)
    for row in (GOLDEN / "batches.ndjson").read_bytes().rstrip(b"\n").split(b"\n")
]
BODIES = (GOLDEN / "lines.ndjson").read_bytes().rstrip(b"\n").split(b"\n")
DIGESTS = [row.split() for row in (GOLDEN / "digests.txt").read_text().splitlines()]
GOLDEN_SHA512 = (
    "e27dc2f2abd362d4a74b84e82baac54603445201cb2e8713ff8ff584730906bb"
    "b4ff2eb5931537c31bbae5b03f78b6fca1c26d8ce3bc140db8e55462f33d9ab2"
)


def recorded_at(batch_index: int) -> datetime:
    return datetime(2026, 11, 23, 9, 0, batch_index, tzinfo=UTC)


def test_the_golden_batches_give_the_golden_lines_byte_for_byte() -> None:
    heads: dict[str, Head] = defaultdict(Head)
    bodies = []
    for place, message in enumerate(BATCHES):
        origin = Origin(message.sender, message.batch, message.sha512)
        for index, line in enumerate(message.lines):
            name = journal_name(line.kind, line.establishment)
            fixed = fix(line, origin, index, heads[name], recorded_at(place))
            heads[name] = Head(fixed.number, fixed.sha512)
            bodies.append(fixed.body)

    assert bodies == BODIES


def test_the_golden_digests_are_sha512_of_the_lines_as_any_program_computes_it() -> None:
    computed = [hashlib.sha512(body).hexdigest() for body in BODIES]

    assert computed == [digest for _, _, digest in DIGESTS]


def test_each_golden_line_names_the_one_before_it_in_its_journal() -> None:
    previous: dict[str, str] = defaultdict(lambda: "0" * 128)
    numbers: dict[str, int] = defaultdict(int)
    for body, (journal, number, digest) in zip(BODIES, DIGESTS, strict=True):
        facts = json.loads(body)
        numbers[journal] += 1
        assert (facts["journal"], facts["number"]) == (journal, int(number)) == (journal, numbers[journal])
        assert facts["previous"] == previous[journal]
        previous[journal] = digest


def test_the_senders_chains_are_recomputed_from_the_golden_batches() -> None:
    heads: dict[str, str] = defaultdict(lambda: "0" * 128)
    for message in BATCHES:
        assert message.previous == heads[message.sender]
        digest = batch_digest(message.sender, message.batch, message.previous, message.lines)
        assert digest == message.sha512
        heads[message.sender] = digest


@pytest.mark.parametrize("journal", sorted({journal for journal, _, _ in DIGESTS}))
def test_the_golden_journals_verify(journal: str) -> None:
    lines = [
        StoredLine(int(number), bytes.fromhex(digest), body)
        for body, (name, number, digest) in zip(BODIES, DIGESTS, strict=True)
        if name == journal
    ]
    check = ChainCheck(journal, Head())

    assert check.feed(lines) == []
    assert check.close(Head(len(lines), lines[-1].sha512.hex())) == []


def test_the_golden_files_themselves_were_not_regenerated() -> None:
    """Whoever changes the form and the files together still has to change this line, and think."""
    assert hashlib.sha512((GOLDEN / "lines.ndjson").read_bytes()).hexdigest() == GOLDEN_SHA512
