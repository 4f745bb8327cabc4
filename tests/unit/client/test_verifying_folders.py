"""A folder as somebody is given it: everything in it is recognised and linked."""

import os
from pathlib import Path

import pytest

from chartrier_client.verifying import hashing, verify
from chartrier_client.verifying.checks import Report, Verdict
from chartrier_client.verifying.verify import Asked
from tests.builders.proofs import JOURNAL, Seal, Sealing, anchor, container, lines, receipt, receipt_payload
from tests.unit.client.proof_files import NOW, Desk, assert_invalid, assert_valid, reasons, well
from tests.unit.client.test_verifying_packages import AIP, IDENTIFIER, a_dip, packed

ROWS = lines(9)
FIRST = Seal(Sealing(1, journals={JOURNAL: ROWS[:5]}, packages=(packed(AIP),)))
SECOND = Seal(Sealing(2, journals={JOURNAL: ROWS}, since=5, before=FIRST))
ANCHOR = anchor(1, [(JOURNAL, 5, ROWS[4])])
SITE = {
    f"establishment/journals/archives/{1:016}-{4:016}.ndjson": container(ROWS[:4]),
    f"establishment/journals/archives/{5:016}-{9:016}.ndjson": container(ROWS[4:]),
    "platform/proof/seals/0000000000000001.tar": FIRST.tar,
    "platform/proof/seals/0000000000000002.tar": SECOND.tar,
    "platform/proof/anchors/0000000000000001.jws": ANCHOR,
    "platform/proof/anchors/0000000000000002.jws": anchor(2, [(JOURNAL, 9, ROWS[8])], ANCHOR, FIRST.named),
    f"aips/{IDENTIFIER}.tar": AIP,
    f"aips/{IDENTIFIER}.der": FIRST.record_of_package().der,
    "reçus/reçu": receipt(receipt_payload(packed(AIP), AIP, [(JOURNAL, 5, ROWS[4])])),
    "line-7.der": SECOND.record_of_line(JOURNAL, 7).der,
    "dip.zip": a_dip(),
    "notes.txt": b"whatever",
}


def given(desk: Desk, files: dict[str, bytes]) -> Report:
    desk.lay(files)
    return verify.verify(Asked([desk.folder / "given"], NOW, [desk.root]))


def test_everything_hangs_together(desk: Desk) -> None:
    report = given(desk, SITE)

    assert_valid(report)
    assert {
        "chain",
        "journal.chain",
        "journal.head",
        "journal.sealed",
        "package.sealed",
        "receipt.group",
        "receipt.sealed",
        "record.group_complete",
        "record.group_partial",
        "anchor.seal",
    } <= well(report)
    assert [remark.target for remark in report.remarks if remark.code == "not_a_proof"] == ["notes.txt"]


@pytest.mark.parametrize("name", [name for name in SITE if name not in {"notes.txt", "dip.zip"}])
def test_whatever_is_spoiled_is_noticed(desk: Desk, name: str) -> None:
    content = SITE[name]
    place = len(content) // 2
    spoiled = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]

    assert_invalid(given(desk, {**SITE, name: spoiled}))


@pytest.mark.parametrize(
    "name",
    [
        "platform/proof/seals/0000000000000001.tar",
        "platform/proof/anchors/0000000000000001.jws",
        f"establishment/journals/archives/{1:016}-{4:016}.ndjson",
        f"establishment/journals/archives/{5:016}-{9:016}.ndjson",
    ],
)
def test_whatever_is_taken_away_is_missed(desk: Desk, name: str) -> None:
    report = given(desk, {each: content for each, content in SITE.items() if each != name})

    assert report.verdict is not Verdict.VALID, reasons(report)


def test_what_stands_where_a_proof_would_is_not_passed_over(desk: Desk) -> None:
    report = given(desk, {**SITE, "platform/proof/seals/0000000000000003.tar": b"\0" * 2048})

    assert reasons(report) == {("file.kind", "kind_unknown")}


def test_links_are_not_followed(desk: Desk) -> None:
    desk.lay(SITE)
    folder = desk.folder / "given"
    (folder / "round").symlink_to(folder)
    (folder / "away.tar").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.tar")

    report = verify.verify(Asked([folder], NOW, [desk.root]))

    assert_valid(report)


def test_a_large_file_is_read_in_pieces(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    before = hashing.Measured.read

    def measured(self: hashing.Measured, size: int = -1) -> bytes:
        nonlocal largest
        content = before(self, size)
        largest = max(largest, len(content))
        return content

    monkeypatch.setattr(hashing.Measured, "read", measured)
    path = Path(desk.folder, "large.zip")
    path.write_bytes(a_dip({"content/large": os.urandom(3 << 20)}))
    verify.verify(Asked([path], NOW, [desk.root]))

    assert 0 < largest <= 1 << 20
