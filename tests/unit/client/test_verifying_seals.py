"""Seals, anchors, receipts and renewals: every part of one, and what one says of the other."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from rfc8785 import dumps

from tests.builders import pki
from tests.builders.pki import Wanted, issue
from tests.builders.proof_tokens import a_stamper, jws
from tests.builders.proofs import (
    DAY,
    JOURNAL,
    START,
    Packed,
    Seal,
    Sealing,
    anchor,
    lines,
    receipt,
    receipt_payload,
    renewal,
    sha512,
    tar,
)
from tests.unit.client.proof_files import (
    Desk,
    assert_indeterminate,
    assert_invalid,
    assert_valid,
    reasons,
    well,
)

PLATFORM = "events.platform"
PACKAGES = tuple(
    Packed(f"01930000-0000-7000-8000-0000000000b{place}", tuple(sha512(b"%d %d" % (place, n)) for n in range(place)))
    for place in (1, 3, 5)
)
SEALING = Sealing(journals={JOURNAL: lines(7), PLATFORM: lines(2, PLATFORM)}, packages=PACKAGES)
SEAL = Seal(SEALING)


def changed(name: str, change: Callable[[bytes], bytes], seal: Seal = SEAL) -> bytes:
    return tar([(each, change(content) if each == name else content) for each, content in seal.parts])


def test_a_seal_is_valid_by_itself(desk: Desk) -> None:
    report = desk.verify({"1.tar": SEAL.tar})

    assert_valid(report)
    assert {"seal.heads", "seal.deposits", "seal.members", "seal.signed", "token.imprint"} <= well(report)
    assert report.probative


def test_an_empty_day_is_sealed_too(desk: Desk) -> None:
    assert_valid(desk.verify({"1.tar": Seal(Sealing(since=7)).tar}))


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("seal.json", lambda c: c.replace(b'"number":1', b'"number":2'), ("token.imprint", "differs")),
        ("seal.json", lambda c: c.replace(b"sha512", b"sha1", 1), ("seal", "field_wrong")),
        ("seal.json", lambda c: c[:-1] + b" }", ("seal", "not_canonical")),
        ("heads.ndjson", lambda c: c.replace(b'"number":7', b'"number":8'), ("seal", "field_wrong")),
        ("heads.ndjson", lambda c: c.replace(b'"first":1', b'"first":2'), ("seal.heads", "differs")),
        ("heads.ndjson", lambda c: b"\n".join(reversed(c.split(b"\n")[:2])) + b"\n", ("seal", "rows_order")),
        ("heads.ndjson", lambda c: c.split(b"\n")[0] + b"\n", ("seal.heads", "differs")),
        ("deposits.ndjson", lambda c: c.replace(b'"version":1', b'"version":2'), ("seal.deposits", "differs")),
        ("deposits.ndjson", lambda c: c.replace(b'"members":3', b'"members":4'), ("seal", "members_order")),
        ("deposits.ndjson", lambda c: c.replace(b'"members":5', b'"members":6'), ("seal", "members_missing")),
        ("deposits.ndjson", lambda c: c.replace(b'"members":5', b'"members":4'), ("seal", "group_wrong")),
        ("members.bin", lambda c: b"\7" * 64 + c[64:], ("seal", "group_wrong")),
        ("members.bin", lambda c: c + b"\7" * 64, ("seal", "members_left")),
        ("token.tst", lambda _: Seal(replace(SEALING, since=1)).token, ("token.imprint", "differs")),
        ("token.tst", lambda c: c[:-3], ("seal", "token_unreadable")),
        ("signature.jws", lambda _: Seal(replace(SEALING, number=2)).signature, ("seal.signed", "differs")),
        ("signature.jws", lambda c: c[:-4] + b"AAAA", ("jws.signature", "signature_wrong")),
        ("signature.jws", lambda c: c + b"\n", ("seal", "jws_unreadable")),
    ],
)
def test_every_part_of_a_seal_counts(
    desk: Desk, name: str, change: Callable[[bytes], bytes], expected: tuple[str, str]
) -> None:
    assert_invalid(desk.verify({"1.tar": changed(name, change)}), expected)


def test_the_tar_of_a_seal_has_nothing_else(desk: Desk) -> None:
    more = tar([*SEAL.parts, ("note.txt", b"hello")])
    fewer = tar(SEAL.parts[:-1])
    turned = tar([SEAL.parts[0], *reversed(SEAL.parts[1:])])
    # A byte in the padding, and one behind the end.
    padded = SEAL.tar.replace(bytes(100) + b"heads", b"\1" + bytes(99) + b"heads")

    assert padded != SEAL.tar
    assert_invalid(desk.verify({"1.tar": more}), ("seal", "tar_padding"))
    assert_invalid(desk.verify({"1.tar": fewer}), ("seal", "tar_unreadable"))
    assert_invalid(desk.verify({"1.tar": turned}), ("seal", "tar_members"))
    assert_invalid(desk.verify({"1.tar": padded}), ("seal", "tar_padding"))
    assert_invalid(desk.verify({"1.tar": SEAL.tar + b"\1"}), ("seal", "tar_padding"))
    assert_invalid(desk.verify({"1.tar": SEAL.tar[:600]}), ("seal", "tar_cut"))


def test_a_token_that_precedes_what_it_stamps(desk: Desk) -> None:
    backdated = Seal(replace(SEALING, header={"at": "2026-11-22T00:00:00.000Z"}))

    assert_invalid(desk.verify({"1.tar": backdated.tar}), ("token.order", "stamped_before"))


def test_what_development_keys_made_is_said_loudly(desk: Desk) -> None:
    report = desk.verify({"1.tar": Seal(replace(SEALING, probative=False)).tar})

    assert report.probative is False
    assert_valid(report)


def chain_of(count: int) -> list[Seal]:
    seals: list[Seal] = []
    for number in range(1, count + 1):
        before = seals[-1] if seals else None
        old = [each for each in seals if START + number * 10 * DAY - each.at >= 30 * DAY]
        header = {"month_before": old[-1].named if old else None}
        sealing = Sealing(number, before=before, at=START + number * 10 * DAY, header=header, since=7)
        seals.append(Seal(sealing))
    return seals


CHAIN = chain_of(5)
IN_2027 = datetime(2027, 6, 1, tzinfo=UTC)


def test_seals_name_the_ones_before(desk: Desk) -> None:
    files = {f"{each.of.number}.tar": each.tar for each in CHAIN}

    report = desk.verify(files, at=IN_2027)

    assert_valid(report)
    assert {"chain", "seal.before"} <= well(report)


def test_a_seal_that_is_missing_or_another_is_noticed(desk: Desk) -> None:
    files = {f"{each.of.number}.tar": each.tar for each in CHAIN}
    other = Seal(replace(CHAIN[2].of, journals={JOURNAL: lines(8)}, since=8))
    gap = {name: content for name, content in files.items() if name != "3.tar"}

    assert_invalid(desk.verify(gap, at=IN_2027), ("chain", "number_missing"))
    assert_invalid(desk.verify({**files, "3.tar": other.tar}, at=IN_2027), ("chain", "differs"))
    assert_invalid(desk.verify({**files, "3bis.tar": other.tar}, at=IN_2027), ("number", "number_twice"))
    assert_valid(desk.verify({**files, "3bis.tar": CHAIN[2].tar}, at=IN_2027))
    late = {name: content for name, content in files.items() if name not in {"1.tar", "2.tar"}}
    assert "begins_later" in {remark.code for remark in desk.verify(late, at=IN_2027).remarks}


def test_the_seal_of_a_month_before_is_the_newest_that_old(desk: Desk) -> None:
    wrong = Seal(replace(CHAIN[4].of, header={"month_before": CHAIN[0].named}))
    files = {f"{each.of.number}.tar": each.tar for each in [*CHAIN[:4], wrong]}

    assert_invalid(desk.verify(files, at=IN_2027), ("seal.before", "names_another"))


def test_anchors_name_the_ones_before_and_the_newest_seal(desk: Desk) -> None:
    first = anchor(1, [(JOURNAL, 7, lines(7)[6])])
    second = anchor(2, previous=first, seal=SEAL.named)
    third = anchor(3, previous=second)
    assert_valid(desk.verify({"1.jws": first, "2.jws": second, "3.jws": third, "s.tar": SEAL.tar}))

    other = anchor(1, [(JOURNAL, 6, lines(7)[5])])
    assert_invalid(desk.verify({"1.jws": other, "2.jws": second}), ("chain", "differs"))
    assert_invalid(desk.verify({"1.jws": first, "3.jws": third}), ("chain", "number_missing"))
    elsewhere = anchor(2, previous=first, seal={"number": 1, "sha512": "0" * 128})
    files = {"1.jws": first, "2.jws": elsewhere, "s.tar": SEAL.tar}
    assert_invalid(desk.verify(files), ("anchor.seal", "differs"))
    lied = anchor(2, [(JOURNAL, 7, b"another line")], previous=first)
    assert_invalid(desk.verify({"1.jws": first, "2.jws": lied}), ("journal.head", "said_otherwise"))


def test_what_is_not_probative_is_told_of_anchors_too(desk: Desk) -> None:
    assert desk.verify({"1.jws": anchor(1, probative=False)}).probative is False


CONTENT = b"the TAR of a package"
PAYLOAD = receipt_payload(PACKAGES[1], CONTENT, [(JOURNAL, 7, lines(7)[6])])


def test_a_receipt_is_compared_with_the_seal(desk: Desk) -> None:
    assert_valid(desk.verify({"receipt.jws": receipt(PAYLOAD)}))
    report = desk.verify({"receipt.jws": receipt(PAYLOAD), "1.tar": SEAL.tar})
    assert_valid(report)
    assert "receipt.sealed" in well(report)

    other = receipt({**PAYLOAD, "group": "0" * 128})
    assert_invalid(desk.verify({"receipt.jws": other, "1.tar": SEAL.tar}), ("receipt.sealed", "differs"))
    invented = receipt(receipt_payload(PACKAGES[1], CONTENT, [(JOURNAL, 7, b"another line")]))
    assert_invalid(desk.verify({"r.jws": invented, "1.tar": SEAL.tar}), ("journal.head", "said_otherwise"))


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({**PAYLOAD, "format": "chartrier-receipt/2"}, ("jws", "field_wrong")),
        ({**PAYLOAD, "version": True}, ("jws", "field_wrong")),
        ({**PAYLOAD, "note": "x"}, ("jws", "field_unknown")),
        ({name: value for name, value in PAYLOAD.items() if name != "group"}, ("jws", "field_missing")),
        ({**PAYLOAD, "issued_at": "2026-02-30T00:00:00.000Z"}, ("jws", "field_wrong")),
        (
            {**PAYLOAD, "copies": [{**PAYLOAD["copies"][0], "sha512": "0" * 128}]},
            ("receipt.copies", "differs"),
        ),
        ({**PAYLOAD, "issued_at": "2019-01-01T00:00:00.000Z"}, ("certificate.validity", "not_in_force")),
    ],
)
def test_a_receipt_says_what_receipts_say(desk: Desk, payload: dict[str, object], expected: tuple[str, str]) -> None:
    assert_invalid(desk.verify({"receipt.jws": receipt(payload)}), expected)


def test_receipts_that_somebody_forged(desk: Desk) -> None:
    typ = "chartrier-receipt+jws"
    mallory = issue(Wanted("Mallory"))
    stamper = a_stamper("RSA", key="2048").holder
    usage = issue(Wanted("Chiffrement", usage="encrypts"), pki.authority())
    forged = {
        "root_not_trusted": jws(typ, PAYLOAD, mallory),
        "not_an_authority": jws(typ, PAYLOAD, issue(Wanted("Complice"), pki.signer())),
        "not_a_signer": jws(typ, PAYLOAD, usage),
        "signature_wrong": jws(typ, PAYLOAD, replace(pki.signer(), key=mallory.key)),
        "signature_algorithm": jws(typ, PAYLOAD, header={"alg": "none"}),
        "jws_header": jws(typ, PAYLOAD, header={"crit": ["exp"]}),
    }

    for reason, content in forged.items():
        report = desk.verify({"receipt.jws": content})
        assert_invalid(report)
        assert reason in {why for _, why in reasons(report)}, (reason, reasons(report))
    assert_valid(desk.verify({"receipt.jws": jws(typ, PAYLOAD, stamper)}))


def test_a_signature_of_another_kind_is_no_receipt(desk: Desk) -> None:
    as_anchor = jws("chartrier-anchor+jws", PAYLOAD)
    unknown = jws("other+jws", PAYLOAD)

    assert_invalid(desk.verify({"receipt.jws": as_anchor}), ("jws", "field_unknown"))
    assert_indeterminate(desk.verify({"receipt.jws": unknown}), ("file.kind", "kind_unknown"))


def test_a_signer_that_was_revoked(desk: Desk) -> None:
    crl = pki.revocation_list(pki.authority(), [(pki.signer(), START - DAY)])
    trust = desk.folder / "trust.pem"
    lists = (pki.revocation_list(pki.root()), crl)
    trust.write_bytes(pki.root().pem + b"".join(each.public_bytes(Encoding.PEM) for each in lists))
    by_them = jws("chartrier-receipt+jws", PAYLOAD, pki.signer())

    assert_valid(desk.verify({"receipt.jws": receipt(PAYLOAD)}, trust=trust))
    assert_invalid(desk.verify({"r.jws": by_them}, trust=trust), ("certificate.revocation", "revoked"))


def test_a_renewal_protects_the_seals_it_renews(desk: Desk) -> None:
    short = a_stamper("Bref", 2026, 2028)
    seal = Seal(replace(SEALING, stamper=short))
    renewed_at, at = datetime(2027, 10, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
    second = a_stamper("Horodatage 2", 2027, 2034)
    first, stamped = renewal(1, [("seal", 1, seal.token)], renewed_at, second)
    late, _ = renewal(1, [("seal", 1, seal.token)], datetime(2028, 2, 1, tzinfo=UTC), second)
    other, _ = renewal(1, [("seal", 1, SEAL.token)], renewed_at, second)
    again, _ = renewal(2, [("seal", 1, (seal.token, stamped))], at - timedelta(days=9), second, _named(first))
    alone, _ = renewal(2, [("seal", 1, (stamped,))], at - timedelta(days=9), second, _named(first))

    assert_indeterminate(desk.verify({"s.tar": seal.tar}, at=at), ("certificate.validity", "ended_since"))
    report = desk.verify({"s.tar": seal.tar, "r.tar": first, "r2.tar": again}, at=at)
    assert_valid(report)
    assert {"seal.renewed", "renewal.leaves", "chain"} <= well(report)
    assert_invalid(
        desk.verify({"s.tar": seal.tar, "r.tar": first, "r2.tar": alone}, at=at), ("seal.renewed", "token_is_another")
    )
    assert_invalid(
        desk.verify({"s.tar": seal.tar, "r.tar": late}, at=at), ("certificate.validity", "renewed_too_late")
    )
    assert_invalid(desk.verify({"s.tar": seal.tar, "r.tar": other}, at=at), ("seal.renewed", "token_is_another"))


def _named(content: bytes) -> dict[str, object]:
    size = int(content[124:135], 8)
    return {"number": 1, "sha512": sha512(content[512 : 512 + size]).hex()}


def test_a_first_token_forged_before_it_was_renewed(desk: Desk) -> None:
    spoiled = SEAL.token[:-5] + bytes([SEAL.token[-5] ^ 1]) + SEAL.token[-4:]
    seal = changed("token.tst", lambda _: spoiled)
    renewed, _ = renewal(1, [("seal", 1, spoiled)], datetime(2027, 1, 1, tzinfo=UTC), a_stamper())

    report = desk.verify({"s.tar": seal, "r.tar": renewed}, at=IN_2027)

    assert_invalid(report, ("token.signature", "signature_wrong"))


def test_rows_as_canonical_as_all_else(desk: Desk) -> None:
    spaced = changed("deposits.ndjson", lambda c: c.replace(b'":', b'": ', 1))
    huge = changed("heads.ndjson", lambda c: dumps({"journal": "x" * 70_000}) + b"\n" + c)

    assert_invalid(desk.verify({"1.tar": spaced}), ("seal", "not_canonical"))
    assert_invalid(desk.verify({"1.tar": huge}), ("seal", "line_without_end"))
