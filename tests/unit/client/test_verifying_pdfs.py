"""Attestations: PDFs with PAdES signatures and their time-stamps."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.builders import pki
from tests.builders.pki import Wanted, issue
from tests.builders.proof_tokens import archive
from tests.builders.signed_pdfs import a_pdf, add_revision, sign_pdf, stamp_pdf
from tests.unit.client.proof_files import Desk, assert_indeterminate, assert_invalid, assert_valid, well

AT = datetime(2026, 11, 20, tzinfo=UTC)
ATTESTATION = sign_pdf(a_pdf(), archive(), AT, stamped=AT)


@pytest.fixture
def trust(desk: Desk) -> Path:
    """The root, with the lists that tokens of pyHanko do not carry."""
    path = desk.folder / "trust.pem"
    lists = (pki.revocation_list(pki.root()), pki.revocation_list(pki.authority()))
    path.write_bytes(pki.root().pem + b"".join(each.public_bytes(Encoding.PEM) for each in lists))
    return path


def test_a_signed_and_stamped_attestation_is_valid(desk: Desk, trust: Path) -> None:
    report = desk.verify({"attestation.pdf": ATTESTATION}, trust=trust)

    assert_valid(report)
    assert {"pdf.signature", "pdf.coverage", "token.imprint", "token.signature"} <= well(report)


def test_evidence_may_be_added_and_nothing_else(desk: Desk, trust: Path) -> None:
    stamped, more = stamp_pdf(ATTESTATION, AT), add_revision(ATTESTATION)

    assert_valid(desk.verify({"a.pdf": stamped}, trust=trust))
    assert_invalid(desk.verify({"a.pdf": more}, trust=trust), ("pdf.coverage", "changed_since"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (ATTESTATION.replace(b"/MediaBox", b"/MediaBax", 1), ("pdf.signature", "signature_wrong")),
        (a_pdf(), ("pdf.signature", "pdf_unsigned")),
        (ATTESTATION[: len(ATTESTATION) // 2], ("pdf.signature", "pdf_unreadable")),
        (b"%PDF-1.7\n%%EOF", ("pdf.signature", "pdf_unreadable")),
        (sign_pdf(a_pdf(), issue(Wanted("Mallory")), AT, stamped=AT), ("certificate.root", "root_not_trusted")),
    ],
)
def test_what_is_wrong_is_named(desk: Desk, trust: Path, content: bytes, expected: tuple[str, str]) -> None:
    assert_invalid(desk.verify({"a.pdf": content}, trust=trust), expected)


def test_what_is_not_sure_is_named(desk: Desk, trust: Path) -> None:
    unstamped = sign_pdf(a_pdf(), archive(), AT)

    assert_indeterminate(desk.verify({"a.pdf": unstamped}, trust=trust), ("pdf.time", "not_stamped"))
    assert_indeterminate(desk.verify({"a.pdf": ATTESTATION}), ("certificate.revocation", "no_revocation_data"))
    alone = desk.verify({"a.pdf": ATTESTATION}, trusting=False)
    assert_indeterminate(alone, ("certificate.root", "no_root_given"))


def test_a_stamper_of_no_account(desk: Desk, trust: Path) -> None:
    stranger = issue(replace(Wanted("Faux", stamps=True), key="2048"))
    content = sign_pdf(a_pdf(), archive(), AT, stamped=AT, stamper=stranger)

    assert_invalid(desk.verify({"a.pdf": content}, trust=trust), ("certificate.root", "root_not_trusted"))
