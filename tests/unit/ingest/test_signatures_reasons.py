"""Why a certificate was revoked: what a time-stamp proved before stays proven, unless its key may be another's."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ReasonFlags

from services.ingest.domain.signatures import SignatureResult
from tests.builders import pki
from tests.builders.pki import Holder
from tests.builders.signed_pdfs import a_pdf, sign_pdf, stamp_pdf
from tests.builders.sips import AFile
from tests.unit.ingest.signing import results, said

STAMPED = datetime(2026, 3, 2, tzinfo=UTC)
REVOKED = datetime(2026, 5, 1, tzinfo=UTC)
SINCE = "indeterminate REVOKED_CA_NO_POE revoked_since"
HARMLESS = (ReasonFlags.superseded, ReasonFlags.cessation_of_operation, ReasonFlags.affiliation_changed)


def because(reason: ReasonFlags) -> tuple[x509.ExtensionType, ...]:
    return (x509.CRLReason(reason),)


def listed(of: Holder, by: Holder, why: Sequence[x509.ExtensionType], when: datetime = REVOKED) -> bytes:
    return pki.revocation_list(by, [(of, when)], why=why).public_bytes(Encoding.PEM)


def trust_after(folder: Path, *lists: bytes) -> Path:
    """Return what an operator sets, where the root has revoked the authority, by one list or more."""
    trust = pki.trust_folder(folder / "trust")
    (trust / "root.crl").unlink()
    for number, each in enumerate(lists):
        (trust / f"root-{number}.crl").write_bytes(each)
    return trust


def stamped(folder: Path, trust: Path) -> SignatureResult:
    content = sign_pdf(a_pdf(), stamped=STAMPED)
    return results(folder, AFile("Content/acte.pdf", content), trust=trust)[0]


@pytest.mark.parametrize("reason", HARMLESS)
def test_an_authority_that_ended_later_without_harm_spoils_no_time_stamp(tmp_path: Path, reason: ReasonFlags) -> None:
    trust = trust_after(tmp_path, listed(pki.authority(), pki.root(), because(reason)))

    result = stamped(tmp_path, trust)

    assert (said(result), result.moment_is) == ("valid", "time-stamp")


@pytest.mark.parametrize(
    "why",
    [
        (),
        because(ReasonFlags.key_compromise),
        because(ReasonFlags.ca_compromise),
        because(ReasonFlags.privilege_withdrawn),
        (*because(ReasonFlags.superseded), x509.InvalidityDate(datetime(2026, 1, 1, tzinfo=UTC))),
    ],
    ids=["untold", "key", "authority", "privilege", "invalid since"],
)
def test_an_authority_revoked_for_any_other_reason_spoils_time_stamps(
    tmp_path: Path, why: Sequence[x509.ExtensionType]
) -> None:
    result = stamped(tmp_path, trust_after(tmp_path, listed(pki.authority(), pki.root(), why)))

    assert (said(result), result.moment_is) == (SINCE, "claimed")
    assert result.time_stamp_fault is not None
    assert result.time_stamp_fault.rule == "revoked_since"


def test_one_list_that_tells_of_harm_is_enough(tmp_path: Path) -> None:
    harmless = listed(pki.authority(), pki.root(), because(ReasonFlags.superseded))
    harmful = listed(pki.authority(), pki.root(), because(ReasonFlags.key_compromise))

    assert said(stamped(tmp_path, trust_after(tmp_path, harmless, harmful))) == SINCE


def test_what_was_stamped_after_the_end_of_an_authority_proves_nothing(tmp_path: Path) -> None:
    ended = listed(pki.authority(), pki.root(), because(ReasonFlags.superseded), datetime(2026, 2, 1, tzinfo=UTC))

    result = stamped(tmp_path, trust_after(tmp_path, ended))

    assert said(result) == "indeterminate REVOKED_CA_NO_POE revoked"
    assert result.time_stamp_fault is not None


def test_a_doubtful_list_of_an_end_before_the_time_stamp_is_a_doubt(tmp_path: Path) -> None:
    # By its name alone it is of the root: whoever made it, what it says is not passed over.
    doubtful = replace(pki.root(), key=pki.key_of("Inconnue"))
    ended = listed(pki.authority(), doubtful, because(ReasonFlags.superseded), datetime(2026, 2, 1, tzinfo=UTC))

    result = stamped(tmp_path, trust_after(tmp_path, pki.crl_der(pki.root()), ended))

    assert said(result) == SINCE
    assert result.time_stamp_fault is not None


def test_a_time_stamping_certificate_that_was_replaced_leaves_its_time_stamps(tmp_path: Path) -> None:
    trust = pki.trust_folder(tmp_path / "trust")
    superseded = listed(pki.time_stamper(), pki.authority(), because(ReasonFlags.superseded))
    (trust / "authority.crl").write_bytes(superseded)
    content = stamp_pdf(sign_pdf(a_pdf(), stamped=STAMPED), STAMPED)

    signature, of_document = results(tmp_path, AFile("Content/acte.pdf", content), trust=trust)

    assert (said(signature), signature.moment_is) == ("valid", "time-stamp")
    assert said(of_document) == "valid"


@pytest.mark.parametrize("reason", HARMLESS)
def test_a_signer_says_any_time_whatever_he_was_revoked_for(tmp_path: Path, reason: ReasonFlags) -> None:
    trust = pki.trust_folder(tmp_path / "trust")
    (trust / "authority.crl").write_bytes(listed(pki.signer(), pki.authority(), because(reason)))

    (result,) = results(tmp_path, AFile("Content/acte.pdf", sign_pdf(a_pdf())), trust=trust)

    assert said(result) == "indeterminate REVOKED_NO_POE revoked_since"
