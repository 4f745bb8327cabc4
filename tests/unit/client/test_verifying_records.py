"""Evidence records over three generations, and what was changed in them; one mutant is BouncyCastle's blind spot."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chartrier_client.verifying.algorithms import read_algorithms
from chartrier_client.verifying.checks import Report
from tests.builders.proof_tokens import Chains, Stamp, a_stamper, token
from tests.builders.proofs import JOURNAL, Packed, Seal, Sealing, lines, renewed_stamp, renewed_tree, sha512
from tests.unit.client.proof_files import Desk, assert_indeterminate, assert_invalid, assert_valid, reasons, well

LINE = lines(7)[3]
SEAL = Seal(
    Sealing(packages=(Packed("01930000-0000-7000-8000-0000000000b1", tuple(sha512(b"%d" % n) for n in range(3))),))
)
FIRST = SEAL.record_of_line(JOURNAL, 4)
RENEWED, ANEW, LAST = (datetime(year, 6, 1, tzinfo=UTC) for year in (2030, 2033, 2035))
SECOND = a_stamper("Horodatage 2", 2029, 2034)
THIRD, FOURTH = (
    replace(a_stamper(name, since, until), digest="sha384")
    for name, since, until in (("Horodatage 3", 2032, 2036), ("Horodatage 4", 2034, 2039))
)
LATER = datetime(2037, 1, 1, tzinfo=UTC)
ALGORITHMS = read_algorithms(
    '{"digests": {"sha1": "never", "sha256": null, "sha384": null, "sha512": "2034-01-01"},'
    ' "keys": {"ec": [{"bits": 256, "until": null}]}}'
)


def twice() -> Chains:
    return renewed_stamp(FIRST, RENEWED, SECOND)


def third() -> Chains:
    return renewed_tree(twice(), [LINE], ANEW, THIRD, "sha384")


def whole() -> Chains:
    return renewed_stamp(third(), LAST, FOURTH, beside=b"\1" * 48)


def judged(desk: Desk, record: bytes, at: datetime = LATER, data: bytes = LINE) -> Report:
    return desk.verify({"line.json": data}, {"record.der": record}, at, algorithms=ALGORITHMS)


def test_a_record_of_three_generations_proves_its_line(desk: Desk) -> None:
    report = judged(desk, whole().der)

    assert_valid(report)
    assert {"record.group_complete", "record.renewal", "record.order", "token.signature"} <= well(report)
    assert len([check for check in report.checks if check.what == "token.signature"]) == 4


@pytest.mark.parametrize(
    ("record", "at", "reason"),
    [
        (FIRST.der, datetime(2033, 1, 1, tzinfo=UTC), ("certificate.validity", "ended_since")),
        (twice().der, datetime(2033, 12, 1, tzinfo=UTC), None),
        (twice().der, datetime(2034, 6, 1, tzinfo=UTC), ("algorithm", "algorithm_ended")),
        (third().der, datetime(2035, 1, 1, tzinfo=UTC), None),
        (third().der, datetime(2036, 6, 1, tzinfo=UTC), ("certificate.validity", "ended_since")),
    ],
)
def test_it_holds_as_long_as_it_was_renewed(
    desk: Desk, record: bytes, at: datetime, reason: tuple[str, str] | None
) -> None:
    report = judged(desk, record, at)

    if reason is None:
        assert_valid(report)
    else:
        assert_indeterminate(report, reason)


def test_a_renewal_after_the_end_renews_nothing(desk: Desk) -> None:
    late = renewed_stamp(FIRST, datetime(2032, 2, 1, tzinfo=UTC), SECOND)
    assert_invalid(
        judged(desk, late.der, datetime(2033, 1, 1, tzinfo=UTC)), ("certificate.validity", "renewed_too_late")
    )

    after = renewed_tree(twice(), [LINE], datetime(2034, 1, 2, tzinfo=UTC), FOURTH, "sha384")
    assert_invalid(judged(desk, after.der), ("algorithm", "renewed_too_late_for_algorithm"))


def _spoiled(der: bytes) -> bytes:
    """Change one byte of the signature at the end of a token."""
    return der[:-5] + bytes([der[-5] ^ 1]) + der[-4:]


def test_a_first_token_that_was_forged_before_it_was_renewed(desk: Desk) -> None:
    """What BouncyCastle 1.72 accepts: it looks at the signature of the last token alone."""
    stamp = FIRST.chains[0][0]
    forged = Chains([[replace(stamp, token=_spoiled(stamp.token))]])
    record = renewed_stamp(
        renewed_tree(renewed_stamp(forged, RENEWED, SECOND), [LINE], ANEW, THIRD, "sha384"),
        LAST,
        FOURTH,
        beside=b"\1" * 48,
    )

    report = judged(desk, record.der)

    assert_invalid(report, ("token.signature", "signature_wrong"))
    assert [check.target for check in report.unproven()] == ["record.der → line.json · 1.1"]


def _with(chain: int, number: int, change: Callable[[Stamp], Stamp]) -> Chains:
    chains = [list(each) for each in whole().chains]
    chains[chain][number] = change(chains[chain][number])
    return Chains(chains)


def _another_digest(stamp: Stamp) -> Stamp:
    first, *others = stamp.path
    return replace(stamp, path=[[b"\7" * len(first[0])], *others])


def _another_neighbour(stamp: Stamp) -> Stamp:
    *others, last = stamp.path
    return replace(stamp, path=[*others, [b"\7" * len(last[0])]])


MUTANTS: dict[str, tuple[Callable[[], Chains], str]] = {
    "oldest signature": (lambda: _with(0, 0, lambda s: replace(s, token=_spoiled(s.token))), "token.signature"),
    "renewed signature": (lambda: _with(0, 1, lambda s: replace(s, token=_spoiled(s.token))), "token.signature"),
    "newest signature": (lambda: _with(1, 1, lambda s: replace(s, token=_spoiled(s.token))), "token.signature"),
    "neighbour": (lambda: _with(0, 0, _another_neighbour), "token.imprint"),
    "renewed leaf": (lambda: _with(0, 1, _another_digest), "record.renewal"),
    "leaf of the new chain": (lambda: _with(1, 0, _another_digest), "record.group_complete"),
    "renewal of the new chain": (lambda: _with(1, 1, _another_neighbour), "token.imprint"),
    "one left out": (lambda: Chains([whole().chains[0][:1], *whole().chains[1:]]), "record.group_complete"),
    "swapped": (lambda: Chains([list(reversed(whole().chains[0])), *whole().chains[1:]]), "record.order"),
    "stamped in advance": (
        lambda: renewed_stamp(twice(), datetime(2029, 7, 1, tzinfo=UTC), SECOND),
        "record.order",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_every_change_is_refused_and_named(desk: Desk, name: str) -> None:
    make, what = MUTANTS[name]

    report = judged(desk, make().der)

    assert_invalid(report)
    assert what in {check.what for check in report.unproven()}


def test_a_chain_in_two_algorithms_is_none(desk: Desk) -> None:
    leaf = sha512(FIRST.chains[0][0].token)
    other = Stamp("sha256", [[leaf]], token(leaf[:32], RENEWED, SECOND, "sha256"))

    assert_invalid(judged(desk, Chains([[*FIRST.chains[0], other]]).der), ("record.algorithm", "differs"))


def test_sha1_proves_nothing(desk: Desk) -> None:
    digest = hashlib.sha1(LINE).digest()  # noqa: S324
    record = Chains([[Stamp("sha1", [[digest]], token(digest, RENEWED, SECOND, "sha1"))]])

    assert_invalid(judged(desk, record.der, RENEWED.replace(year=2031)), ("algorithm", "algorithm_refused"))


def test_other_data_are_not_proven(desk: Desk) -> None:
    report = judged(desk, whole().der, data=LINE + b" ")

    assert_indeterminate(report, ("record.data", "no_data"), ("file.kind", "kind_unknown"))


def test_without_its_data_a_record_is_half_a_proof(desk: Desk) -> None:
    report = desk.verify({"record.der": whole().der}, at=LATER, algorithms=ALGORITHMS)

    assert_indeterminate(report, ("record.data", "no_data"))
    assert "token.signature" in well(report)
    assert_invalid(
        desk.verify({"record.der": _with(0, 0, _another_neighbour).der}, at=LATER, algorithms=ALGORITHMS),
        ("token.imprint", "differs"),
    )


def test_a_seal_proves_itself_and_a_row_of_it(desk: Desk) -> None:
    at = datetime(2027, 1, 1, tzinfo=UTC)

    report = desk.verify({"seal.json": SEAL.document, "record.der": SEAL.record_of_document().der}, at=at)

    assert_valid(report)


@pytest.mark.parametrize("content", [b"0", b"0\x80", b"0\x03\x02\x01\x01", b"\x30\x84\xff\xff\xff\xff", b"0" * 5000])
def test_nonsense_is_no_record(desk: Desk, content: bytes) -> None:
    report = desk.verify({"line.json": LINE}, {"record.der": content})

    assert ("record", "record_unreadable") in reasons(report)


def test_a_record_with_something_behind_it_is_none(desk: Desk) -> None:
    assert_invalid(judged(desk, FIRST.der + b"\0"), ("record", "record_unreadable"))
