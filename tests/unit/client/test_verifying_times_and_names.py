"""What no digest shows: things of another time, names that stand for something else, what is gone."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from rfc8785 import dumps

from chartrier_client.verifying.checks import Report
from tests.builders.proofs import JOURNAL, RECORDED, Seal, Sealing, anchor, container, lines, sha512, time
from tests.unit.client.proof_files import Desk, assert_indeterminate, assert_invalid, assert_valid, reasons, well
from tests.unit.client.test_verifying_folders import FIRST, SITE, given
from tests.unit.client.test_verifying_packages import AIP, IDENTIFIER, OTHER, packed

ROWS = lines(7)
HOUR = timedelta(hours=1)
STRANGER = "01930000-0000-7000-8000-0000000000ff"


def dated(number: int, shift: timedelta) -> list[bytes]:
    """Return the journal with one line of another time, made to hang together."""
    rows: list[bytes] = []
    for place, row in enumerate(ROWS, 1):
        fields = json.loads(row)
        fields["recorded_at"] = time(RECORDED + (shift if place == number else timedelta()))
        fields["previous"] = sha512(rows[-1]).hex() if rows else "0" * 128
        rows.append(dumps(fields))
    return rows


def verified(desk: Desk, rows: list[bytes]) -> Report:
    """Verify a journal under an anchor of its first four lines, made as they were recorded, and one of all."""
    first = anchor(1, [(JOURNAL, 4, rows[3])])
    second = anchor(2, [(JOURNAL, 7, rows[6])], previous=first)
    return desk.verify({"1.jws": first, "2.jws": second, "journal.ndjson": container(rows)})


def test_lines_of_the_times_between_anchors_are_in_order(desk: Desk) -> None:
    assert_valid(verified(desk, ROWS))
    assert_valid(verified(desk, dated(5, -timedelta(minutes=4))))


@pytest.mark.parametrize(("number", "shift"), [(5, -HOUR), (7, -HOUR), (4, HOUR), (1, HOUR)])
def test_a_line_of_another_time_than_its_anchors_is_named(desk: Desk, number: int, shift: timedelta) -> None:
    report = verified(desk, dated(number, shift))

    assert_invalid(report, ("journal.time", "line_misdated"))
    (check,) = [each for each in report.unproven() if each.what == "journal.time"]
    assert check.value.startswith(f"{JOURNAL} {number} ")


def test_an_old_line_that_no_anchor_has_is_only_as_old_as_the_anchors_allow(desk: Desk) -> None:
    rows = dated(7, -HOUR)
    report = desk.verify({"1.jws": anchor(1, [(JOURNAL, 6, rows[5])]), "journal.ndjson": container(rows)})

    assert_invalid(report, ("journal.time", "line_misdated"), ("journal.proof", "lines_unproven"))


def test_a_journal_that_a_seal_had_not_begins_after_it(desk: Desk) -> None:
    other = JOURNAL.replace("archives", "events")
    seal = Seal(Sealing(at=RECORDED + HOUR))

    report = desk.verify({"s.tar": seal.tar, "1.ndjson": container(ROWS), "2.ndjson": container(lines(2, other))})

    misdated = [each.value for each in report.unproven() if each.reason == "line_misdated"]
    assert [value.rpartition(" ")[0] for value in misdated] == [f"{other} 1", f"{other} 2"]


def test_nothing_names_what_is_later_than_itself(desk: Desk) -> None:
    later = Seal(Sealing(at=RECORDED + HOUR))
    first = anchor(1, seal=later.named)
    assert_invalid(desk.verify({"1.jws": first, "s.tar": later.tar}), ("anchor.seal", "not_in_order"))

    earlier = Seal(Sealing(at=RECORDED - HOUR, anchor={"number": 1, "sha512": sha512(anchor(1)).hex()}))
    assert_invalid(desk.verify({"1.jws": anchor(1), "s.tar": earlier.tar}), ("seal.anchor", "not_in_order"))


def test_a_last_seal_or_anchor_that_others_name_is_missed(desk: Desk) -> None:
    last = Seal(Sealing(2, since=5, before=FIRST, anchor={"number": 7, "sha512": "ab" * 64}))
    report = desk.verify({"seal-2.tar": last.tar, "1.jws": anchor(1, seal={"number": 3, "sha512": "cd" * 64})})
    assert reasons(report) == set(), "files that were picked need not be all there are"

    desk.lay({"seal-1.tar": FIRST.tar})
    report = given(desk, {})
    assert_indeterminate(report, ("seal.anchor", "named_not_here"), ("anchor.seal", "named_not_here"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (f"e/aips/00/{IDENTIFIER}-v1.tar", OTHER),
        (f"e/aips/00/{IDENTIFIER}-v2.tar", AIP),
        (f"e/aips/00/{STRANGER}-v1.tar", AIP),
        (f"e/journals/archives/{1:016}-{8:016}.ndjson", container(ROWS)),
        (f"platform/proof/seals/{2:016}.tar", FIRST.tar),
        (f"platform/proof/anchors/{2:016}.jws", anchor(1)),
    ],
)
def test_what_lies_under_the_name_of_something_else_is_named(desk: Desk, name: str, content: bytes) -> None:
    report = desk.verify({name: content})

    assert_invalid(report, ("file.name", "differs"))
    assert Path(name).name in {each.target for each in report.unproven() if each.what == "file.name"}


def test_sealed_packages_that_are_not_here_are_counted(desk: Desk) -> None:
    assert not [each for each in given(desk, SITE).remarks if each.code == "packages_not_here"]

    both = Seal(Sealing(1, packages=(packed(AIP), packed(OTHER, STRANGER))))
    (desk.folder / "given" / "platform/proof/seals/0000000000000001.tar").write_bytes(both.tar)
    report = given(desk, {})

    (remark,) = [each for each in report.remarks if each.code == "packages_not_here"]
    assert remark.facts == {"count": "1", "first": f"{STRANGER}-v1"}


def test_an_aip_is_what_the_write_log_says(desk: Desk) -> None:
    name = f"{IDENTIFIER}-v1.tar"

    def log(*digests: bytes) -> bytes:
        rows: list[bytes] = []
        for row, digest in zip(lines(len(digests), JOURNAL.replace("archives", "writes")), digests, strict=True):
            details = {"key": f"e/aips/00/{name}", "sha512": digest.hex()}
            fields = {**json.loads(row), "action": "copy.written", "details": details}
            fields["previous"] = sha512(rows[-1]).hex() if rows else "0" * 128
            rows.append(dumps(fields))
        return container(rows)

    report = desk.verify({"log.ndjson": log(sha512(AIP), sha512(AIP)), name: AIP})
    assert "package.written" in well(report)

    assert_invalid(desk.verify({"log.ndjson": log(sha512(OTHER)), name: AIP}), ("package.written", "differs"))
    twice = {"log.ndjson": log(sha512(AIP), sha512(OTHER)), name: AIP}
    assert_invalid(desk.verify(twice), ("package.written", "said_otherwise"))
