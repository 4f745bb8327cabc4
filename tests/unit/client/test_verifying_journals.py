"""Containers of journals: what anybody who holds a site could do to them, seen without the archive."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rfc8785 import dumps

from chartrier_client.verifying.verify import Asked, verify
from tests.builders.proofs import JOURNAL, Seal, Sealing, anchor, container, lines, sha512
from tests.unit.client.proof_files import NOW, Desk, assert_indeterminate, assert_invalid, assert_valid, well

ROWS = lines(7)
SEAL = Seal(Sealing(journals={JOURNAL: ROWS}))
GOLDEN = Path(__file__).parents[2] / "golden" / "journal" / "lines.ndjson"


def test_a_whole_journal_under_a_seal_is_valid(desk: Desk) -> None:
    report = desk.verify({"1.ndjson": container(ROWS[:4]), "2.ndjson": container(ROWS[4:]), "seal.tar": SEAL.tar})

    assert_valid(report)
    assert {"journal.lines", "journal.chain", "journal.head", "journal.sealed"} <= well(report)


def test_a_journal_alone_is_consistent_and_unproven(desk: Desk) -> None:
    assert_indeterminate(desk.verify({"1.ndjson": container(ROWS)}), ("journal.proof", "nothing_proves"))


def test_the_golden_journals_are_read(desk: Desk) -> None:
    journals: dict[str, list[bytes]] = {}
    for line in GOLDEN.read_bytes().removesuffix(b"\n").split(b"\n"):
        journals.setdefault(json.loads(line)["journal"], []).append(line)

    report = desk.verify({f"{name}.ndjson": container(rows) for name, rows in journals.items()})

    assert_indeterminate(report, ("journal.proof", "nothing_proves"))
    assert len([check for check in report.checks if check.what == "journal.lines"]) == len(journals)


def _changed(number: int, **fields: str | int) -> list[bytes]:
    return [dumps({**json.loads(line), **fields}) if place == number else line for place, line in enumerate(ROWS, 1)]


def _rewritten(number: int, **fields: str | int) -> list[bytes]:
    """Rewrite a journal from some line to its end, as whoever holds the database could."""
    rows = _changed(number, **fields)
    for place in range(number, len(rows)):
        rows[place] = dumps({**json.loads(rows[place]), "previous": sha512(rows[place - 1]).hex()})
    return rows


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (lambda: _changed(3, action="transfer.rejected"), ("journal.chain", "previous_mismatch")),
        (lambda: _changed(7, action="transfer.rejected"), ("journal.head", "line_is_another")),
        (lambda: _rewritten(3, action="transfer.rejected"), ("journal.head", "line_is_another")),
        (lambda: [*ROWS[:2], *ROWS[3:]], ("journal.numbers", "line_missing")),
        (lambda: ROWS[:6], ("journal.head", "lines_not_here")),
        (lambda: [*ROWS[:2], ROWS[3], ROWS[2], *ROWS[4:]], ("journal.numbers", "line_missing")),
        (lambda: [*ROWS, ROWS[6]], ("journal.numbers", "line_missing")),
        (lambda: lines(9), ("journal.proof", "lines_unproven")),
        (lambda: _rewritten(3, journal="archives.platform"), ("journal.line", "line_misplaced")),
        (lambda: _rewritten(3, extra=1), ("journal.line", "field_unknown")),
        (lambda: _rewritten(3, outcome="perhaps"), ("journal.line", "field_wrong")),
        (lambda: [ROWS[0].replace(b'":', b'": ', 1), *ROWS[1:]], ("journal.line", "not_canonical")),
        (lambda: [*ROWS[:3], b"[]", *ROWS[3:]], ("journal.line", "not_json")),
        (lambda: [*ROWS[:3], b"[" * 100_000, *ROWS[3:]], ("journal.line", "not_json")),
    ],
)
def test_every_change_is_named(desk: Desk, rows: Callable[[], list[bytes]], expected: tuple[str, str]) -> None:
    report = desk.verify({"1.ndjson": container(rows()), "seal.tar": SEAL.tar})

    if expected[1] in {"lines_not_here", "lines_unproven"}:
        assert_indeterminate(report, expected)
    else:
        assert_invalid(report, expected)


def test_a_container_that_is_missing_is_missed(desk: Desk) -> None:
    parts = {"1.ndjson": container(ROWS[:2]), "3.ndjson": container(ROWS[4:]), "seal.tar": SEAL.tar}

    assert_invalid(desk.verify(parts), ("journal.numbers", "line_missing"))


def test_a_journal_that_begins_later_is_half_a_journal(desk: Desk) -> None:
    parts = {"2.ndjson": container(ROWS[2:4]), "3.ndjson": container(ROWS[4:]), "seal.tar": SEAL.tar}

    assert_indeterminate(desk.verify(parts), ("journal.sealed", "lines_not_here"))
    whole = verify(Asked([desk.folder / "given"], NOW, [desk.root]))
    assert_indeterminate(whole, ("journal.numbers", "begins_later"))


def test_two_copies_of_a_container_are_one(desk: Desk) -> None:
    content = container(ROWS)

    assert_valid(desk.verify({"paris/1.ndjson": content, "lyon/1.ndjson": content, "seal.tar": SEAL.tar}))


def test_an_anchor_protects_the_end(desk: Desk) -> None:
    signed = anchor(1, [(JOURNAL, 7, ROWS[6])], senders=[("ingest", 7, sha512(b"batch 7"))])
    assert_valid(desk.verify({"1.ndjson": container(ROWS), "1.jws": signed}))

    rewritten = container(_rewritten(7, action="transfer.rejected"))
    assert_invalid(desk.verify({"1.ndjson": rewritten, "1.jws": signed}), ("journal.head", "line_is_another"))


def test_a_batch_is_what_its_sender_came_to(desk: Desk) -> None:
    signed = anchor(1, [(JOURNAL, 7, ROWS[6])], senders=[("ingest", 7, sha512(b"another batch"))])

    report = desk.verify({"1.ndjson": container(ROWS), "1.jws": signed})

    assert_invalid(report, ("journal.batch", "line_is_another"))


def test_a_container_that_is_cut_is_none(desk: Desk) -> None:
    cut = container(ROWS)[:-1]

    assert_invalid(desk.verify({"1.ndjson": cut}), ("journal.lines", "line_without_end"))
