"""The signatures of PDFs: what is found of them, by which rule, at which time."""

import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from services.ingest.domain.limits import Limits
from services.ingest.domain.signatures import SignatureResult
from tests.builders import pki
from tests.builders.signed_pdfs import a_pdf, add_revision, sign_pdf, stamp_pdf
from tests.builders.sips import AFile, codes
from tests.unit.ingest.signing import judged, results, said

PEM = Encoding.PEM
REVOKED = datetime(2026, 5, 1, tzinfo=UTC)


def pdf(content: bytes) -> AFile:
    return AFile("Content/acte.pdf", content)


def test_a_signature_is_valid_and_the_report_says_whose_and_when(tmp_path: Path) -> None:
    (result,) = results(tmp_path, pdf(sign_pdf(a_pdf())))

    assert said(result) == "valid"
    assert (result.path, result.name, result.form) == ("Content/acte.pdf", "Signature1", "PAdES")
    assert (result.covers, result.whole) == (("the whole file",), True)
    assert (result.moment, result.moment_is) == ("2026-03-01T12:00:00.000Z", "claimed")
    assert result.algorithms == ("SHA-256", "EC 256")
    assert result.certificate is not None
    assert "Anne Maire" in result.certificate.subject
    assert result.certificate.serial == f"{pki.signer().certificate.serial_number:x}"


def test_a_byte_that_was_changed_is_told_of(tmp_path: Path) -> None:
    altered = sign_pdf(a_pdf()).replace(b"/MediaBox", b"/MediaBux")

    assert said(results(tmp_path, pdf(altered))[0]) == "invalid HASH_FAILURE digest"


def test_a_pdf_without_signature_has_none(tmp_path: Path) -> None:
    assert results(tmp_path, pdf(a_pdf()), pdf_named("Content/autre.pdf")) == []


def pdf_named(path: str) -> AFile:
    return AFile(path, a_pdf())


@pytest.mark.parametrize(
    ("signed", "expected"),
    [
        (
            lambda: sign_pdf(
                a_pdf(), pki.issue(pki.Wanted("Vieux", until=datetime(2025, 1, 1, tzinfo=UTC)), pki.authority())
            ),
            "invalid EXPIRED expired",
        ),
        (
            lambda: sign_pdf(
                a_pdf(), pki.issue(pki.Wanted("Futur", since=datetime(2026, 6, 1, tzinfo=UTC)), pki.authority())
            ),
            "invalid NOT_YET_VALID not_yet_valid",
        ),
        (
            lambda: sign_pdf(a_pdf(), pki.issue(pki.Wanted("Inconnue"), pki.root("Autre racine"))),
            "indeterminate NO_CERTIFICATE_CHAIN_FOUND no_chain",
        ),
        (lambda: sign_pdf(a_pdf(), digest="sha1"), "indeterminate CRYPTO_CONSTRAINTS_FAILURE_NO_POE weak"),
        (
            lambda: sign_pdf(a_pdf(), pki.signer("1024")),
            "indeterminate CRYPTO_CONSTRAINTS_FAILURE_NO_POE weak",
        ),
        (
            lambda: sign_pdf(a_pdf(), pki.issue(pki.Wanted("Chiffrement", usage="encrypts"), pki.authority())),
            "indeterminate CHAIN_CONSTRAINTS_FAILURE key_usage",
        ),
    ],
    ids=["expired", "early", "untrusted", "sha-1", "short key", "other usage"],
)
def test_each_rule_is_named_that_a_certificate_breaks(
    tmp_path: Path, signed: Callable[[], bytes], expected: str
) -> None:
    (result,) = results(tmp_path, pdf(signed()))

    assert said(result) == expected


def test_a_revoked_certificate_and_one_of_which_nothing_is_known_are_told_apart(tmp_path: Path) -> None:
    content = pdf(sign_pdf(a_pdf()))

    def by(name: str, *revoked: datetime, lists: bool = True) -> str:
        trust = pki.trust_folder(tmp_path / name, [(pki.signer(), when) for when in revoked], lists=lists)
        return said(results(tmp_path, content, trust=trust)[0])

    assert by("before", datetime(2026, 2, 1, tzinfo=UTC)) == "invalid REVOKED revoked"
    assert by("after", REVOKED) == "indeterminate REVOKED_NO_POE revoked_since"
    assert by("none", lists=False) == "indeterminate TRY_LATER revocation_unknown"


def test_a_time_stamp_proves_that_a_signature_is_older_than_a_revocation(tmp_path: Path) -> None:
    trust = pki.trust_folder(tmp_path / "trust", [(pki.signer(), REVOKED)])
    when = datetime(2026, 3, 2, tzinfo=UTC)

    (result,) = results(tmp_path, pdf(sign_pdf(a_pdf(), stamped=when)), trust=trust)

    assert (said(result), result.moment, result.moment_is) == ("valid", "2026-03-02T00:00:00.000Z", "time-stamp")


def test_an_authority_revoked_since_a_claimed_time_is_told_of_unless_a_time_stamp_is_older(tmp_path: Path) -> None:
    clock = pki.root("Horloge")
    trust = pki.trust_folder(tmp_path / "trust")
    (trust / "root.crl").write_bytes(pki.revocation_list(pki.root(), [(pki.authority(), REVOKED)]).public_bytes(PEM))
    (trust / "clock.pem").write_bytes(clock.pem)
    (trust / "clock.crl").write_bytes(pki.crl_der(clock))
    elsewhere = pki.issue(pki.Wanted("Pendule", key="2048", stamps=True), clock)
    when = datetime(2026, 3, 2, tzinfo=UTC)

    def signed(**words: object) -> SignatureResult:
        return results(tmp_path, pdf(sign_pdf(a_pdf(), **words)), trust=trust)[0]  # type: ignore[arg-type]

    since = "indeterminate REVOKED_CA_NO_POE revoked_since"
    claimed = signed()
    assert said(claimed) == since
    assert claimed.fault is not None
    assert "Autorité" in claimed.fault.details["certificate"]
    assert said(signed(at=datetime(2026, 6, 1, tzinfo=UTC))) == "indeterminate REVOKED_CA_NO_POE revoked"
    # Of the authority that was revoked is this one too: whoever has its key stamps any time.
    assert said(signed(stamped=when)) == since
    assert said(signed(stamped=when, stamper=elsewhere)) == "valid"


def test_a_time_stamp_of_an_unknown_authority_proves_nothing_and_the_claimed_time_is_taken(tmp_path: Path) -> None:
    stranger = pki.issue(pki.Wanted("Pendule", key="2048", stamps=True), pki.root("Autre racine"))
    content = sign_pdf(a_pdf(), stamped=datetime(2026, 3, 2, tzinfo=UTC), stamper=stranger)

    (result,) = results(tmp_path, pdf(content))

    assert (said(result), result.moment_is) == ("valid", "claimed")
    assert result.time_stamp_fault is not None
    assert result.time_stamp_fault.rule == "no_chain"


def test_a_time_stamp_of_the_document_is_a_signature_too(tmp_path: Path) -> None:
    content = stamp_pdf(sign_pdf(a_pdf()), datetime(2026, 3, 5, tzinfo=UTC))

    signed, stamped = results(tmp_path, pdf(content))

    assert (said(signed), signed.whole) == ("valid", False)
    assert (said(stamped), stamped.form, stamped.whole) == ("valid", "RFC 3161", True)
    assert (stamped.moment, stamped.moment_is) == ("2026-03-05T00:00:00.000Z", "time-stamp")


def test_all_signatures_are_told_and_the_last_one_covers_the_file(tmp_path: Path) -> None:
    content = sign_pdf(sign_pdf(a_pdf()), field="Signature2")

    found = judged(tmp_path, pdf(content))

    assert found.findings == ()
    assert found.inventory is not None
    assert found.inventory.signatures is not None
    told = [(each.name, said(each), each.covers) for each in found.inventory.signatures.results]
    assert told == [
        ("Signature1", "valid", ("revision 2 of 3",)),
        ("Signature2", "valid", ("the whole file",)),
    ]


def test_what_was_added_after_the_last_signature_is_told_of(tmp_path: Path) -> None:
    found = judged(tmp_path, pdf(add_revision(sign_pdf(a_pdf()))))

    assert codes(found.findings) == ["SIGNATURE_PARTIAL"]
    assert found.findings[0].place == "Content/acte.pdf"


def test_bytes_behind_the_end_are_no_part_of_a_revision(tmp_path: Path) -> None:
    found = judged(tmp_path, pdf(sign_pdf(a_pdf()) + b"\nmore\n"))

    assert codes(found.findings) == ["SIGNATURE_PARTIAL"]


def test_a_range_that_leaves_something_out_is_not_believed(tmp_path: Path) -> None:
    content = sign_pdf(a_pdf())
    place = content.index(b"/ByteRange")
    end = content.index(b"]", place)
    numbers = content[place + len(b"/ByteRange") : end].strip(b" [").split()
    wrong = b"/ByteRange [" + b" ".join([b"1", *numbers[1:]])
    moved = content[:place] + wrong.ljust(end - place) + content[end:]

    (result,) = results(tmp_path, pdf(moved))

    assert result.fault is not None
    assert said(result).startswith("invalid")


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.99])
def test_a_pdf_that_is_cut_short_does_not_pass(tmp_path: Path, cut: float) -> None:
    content = sign_pdf(a_pdf())

    found = results(tmp_path, pdf(content[: int(len(content) * cut)] + b"/ByteRange"))

    assert all(said(each).startswith("invalid") for each in found)


def test_a_bomb_in_a_pdf_goes_off_nowhere(tmp_path: Path) -> None:
    stream = zlib.compress(bytes(100 * 1024**2), 1)
    head = b"%PDF-1.5\n1 0 obj<</Type/XRef/Size 9/W[1 2 1]/Root 2 0 R/Filter/FlateDecode/Length "
    content = (
        head
        + str(len(stream)).encode()
        + b">>stream\n"
        + stream
        + b"\nendstream endobj\n/ByteRange\nstartxref\n9\n%%EOF"
    )

    (result,) = results(tmp_path, pdf(content))

    assert said(result) == "invalid FORMAT_FAILURE unreadable"


def test_a_file_beyond_the_limit_is_indeterminate_with_its_reason(tmp_path: Path) -> None:
    content = sign_pdf(a_pdf())
    limits = Limits(max_signed_bytes=len(content) - 1)

    (result,) = results(tmp_path, pdf(content), limits=limits)

    assert said(result) == "indeterminate GENERIC too_large"
    assert said(results(tmp_path, pdf(content), limits=Limits(max_signed_bytes=len(content)))[0]) == "valid"
    assert results(tmp_path, pdf(a_pdf()), limits=limits) == []
