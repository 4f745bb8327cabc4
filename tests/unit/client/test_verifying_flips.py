"""One byte of a proof is changed, anywhere: it is never valid any more."""

import random
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartrier_client.verifying.checks import Verdict
from tests.builders.proof_tokens import a_stamper
from tests.builders.proofs import (
    JOURNAL,
    Packed,
    Seal,
    Sealing,
    anchor,
    container,
    lines,
    receipt,
    receipt_payload,
    renewed_stamp,
    renewed_tree,
    sha512,
)
from tests.unit.client.proof_files import Desk

ROWS = lines(3)
PACKAGE = Packed("01930000-0000-7000-8000-0000000000b1", tuple(sha512(b"%d" % n) for n in range(3)))
SEAL = Seal(Sealing(journals={JOURNAL: ROWS}, packages=(PACKAGE,)))
RENEWED, ANEW = datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)
RECORD = renewed_tree(
    renewed_stamp(SEAL.record_of_line(JOURNAL, 2), RENEWED, a_stamper()), [ROWS[1]], ANEW, a_stamper(), "sha384"
)
PROOFS = {
    "seal.tar": SEAL.tar,
    "record.der": RECORD.der,
    "receipt.jws": receipt(receipt_payload(PACKAGE, b"")),
    "anchor.jws": anchor(1, [(JOURNAL, 3, ROWS[2])]),
    "lines.ndjson": container(ROWS),
}
BESIDE = {"record.der": {"line.json": ROWS[1]}, "lines.ndjson": {"seal.tar": SEAL.tar}}


def verdict(desk: Desk, name: str, content: bytes) -> Verdict:
    return desk.verify({**BESIDE.get(name, {}), name: content}).verdict


@pytest.mark.parametrize("name", PROOFS)
def test_as_they_are_they_are_valid(desk: Desk, name: str) -> None:
    assert verdict(desk, name, PROOFS[name]) is Verdict.VALID


@pytest.mark.parametrize("name", PROOFS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_byte_is_without_meaning(desk: Desk, name: str, data: st.DataObject) -> None:
    content = PROOFS[name]
    place = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(1, 255))

    flipped = content[:place] + bytes([content[place] ^ byte]) + content[place + 1 :]

    assert verdict(desk, name, flipped) is not Verdict.VALID, (place, byte)


@pytest.mark.parametrize("name", PROOFS)
def test_no_piece_can_be_cut_out_or_put_in(desk: Desk, name: str) -> None:
    content, chance = PROOFS[name], random.Random(7)  # noqa: S311
    for _ in range(12):
        start = chance.randrange(len(content) - 1)
        end = min(len(content), start + chance.randrange(1, 40))
        # Of the zeros at the end of a TAR one more or less says nothing.
        if any(content[start:end]):
            assert verdict(desk, name, content[:start] + content[end:]) is not Verdict.VALID, (start, end)
            twice = content[:end] + content[start:]
            assert verdict(desk, name, twice) is not Verdict.VALID, (start, end)
