"""CMS signatures in files of their own: attached and detached, found with their document, signed by openssl."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import cms, crl

from services.ingest.domain.limits import Limits
from services.ingest.domain.signatures import SignatureResult
from services.ingest.pipeline.signatures import reading
from tests.builders import pki
from tests.builders.signed_cms import issued_with_sha1, openssl
from tests.builders.signed_pdfs import asn1
from tests.builders.signed_xml import detached
from tests.builders.sip_manifests import PDF
from tests.builders.sips import AFile, ASip, AUnit
from tests.unit.ingest.signing import results, said

ACT = AFile("Content/acte.pdf", PDF)


def found(folder: Path, *files: AFile, trust: Path | None = None) -> list[SignatureResult]:
    # openssl signs by the clock.
    return results(folder, *files, trust=trust, now=datetime.now(UTC))


@pytest.mark.parametrize("name", ["Content/acte.pdf.p7s", "Content/acte.p7s", "Content/acte.pdf.sig"])
def test_a_detached_signature_finds_its_document_by_its_name(tmp_path: Path, name: str) -> None:
    (result,) = found(tmp_path, ACT, AFile(name, openssl(tmp_path / "made", PDF)))

    assert (said(result), result.form, result.documents) == ("valid", "CAdES", ("Content/acte.pdf",))
    assert (result.path, result.covers, result.whole) == (name, ("Content/acte.pdf",), True)


@pytest.mark.parametrize("outform", ["DER", "PEM"])
def test_an_attached_signature_covers_what_it_holds(tmp_path: Path, outform: str) -> None:
    made = openssl(tmp_path / "made", PDF, "-nodetach", "-cades", "-outform", outform)

    (result,) = found(tmp_path, AFile("Content/acte.p7m", made))

    assert (said(result), result.covers, result.whole) == ("valid", ("the content of the file",), True)


def test_a_signature_streamed_in_ber_is_read(tmp_path: Path) -> None:
    made = openssl(tmp_path / "made", PDF, "-nodetach", "-stream", "-indef")

    assert said(found(tmp_path, AFile("Content/acte.p7m", made))[0]) == "valid"


def test_a_document_may_be_larger_than_what_is_looked_into(tmp_path: Path) -> None:
    large = AFile("Content/plan.bin", b"plan" * 100_000)
    made = openssl(tmp_path / "made", large.content)
    files = (AFile("Content/plan.bin.p7s", made), large)

    (result,) = results(tmp_path, *files, now=datetime.now(UTC), limits=Limits(max_signed_bytes=len(made)))

    assert (said(result), result.documents) == ("valid", ("Content/plan.bin",))


def test_each_signer_of_a_message_is_told_of(tmp_path: Path) -> None:
    other = pki.issue(pki.Wanted("Autre"), pki.root("Autre racine"))
    (tmp_path / "other.pem").write_bytes(other.pem)
    (tmp_path / "other.key").write_bytes(other.key_pem)
    more = ("-signer", str(tmp_path / "other.pem"), "-inkey", str(tmp_path / "other.key"))

    made = openssl(tmp_path / "made", PDF, *more)

    assert {said(each) for each in found(tmp_path, ACT, AFile("Content/acte.pdf.p7s", made))} == {
        "valid",
        "indeterminate NO_CERTIFICATE_CHAIN_FOUND no_chain",
    }


def test_a_document_that_is_not_the_one_that_was_signed(tmp_path: Path) -> None:
    made = openssl(tmp_path / "made", PDF)

    (altered,) = found(tmp_path, AFile(ACT.path, PDF + b" "), AFile("Content/acte.pdf.p7s", made))
    (alone,) = found(tmp_path, AFile("Content/acte.pdf.p7s", made))

    assert said(altered) == "invalid HASH_FAILURE digest"
    assert altered.fault is not None
    assert altered.fault.details == {"what": "Content/acte.pdf"}
    assert said(alone) == "indeterminate SIGNED_DATA_NOT_FOUND not_found"


def test_a_digest_that_nobody_computes_ends_no_check(tmp_path: Path) -> None:
    message = cms.ContentInfo.load(openssl(tmp_path / "made", PDF))
    message["content"]["signer_infos"][0]["digest_algorithm"]["algorithm"] = "md2"
    made = message.dump(force=True)

    (result,) = found(tmp_path, ACT, AFile("Content/acte.pdf.p7s", made))

    assert said(result) == "indeterminate GENERIC unsupported"


@pytest.mark.parametrize("outform", ["DER", "PEM"])
def test_what_stands_behind_an_attached_signature_is_not_passed_over(tmp_path: Path, outform: str) -> None:
    made = openssl(tmp_path / "made", PDF, "-nodetach", "-outform", outform)

    (result,) = found(tmp_path, AFile("Content/acte.p7m", made + (b"more" if outform == "DER" else made)))

    assert said(result) == "invalid FORMAT_FAILURE unreadable"


def a_value_changed(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "invalid FORMAT_FAILURE unreadable"),
        (b"not a signature", "invalid FORMAT_FAILURE unreadable"),
        (b"\x30\x80" * 5000, "invalid FORMAT_FAILURE unreadable"),
        (b"\x30\x84\xff\xff\xff\xff", "invalid FORMAT_FAILURE unreadable"),
    ],
    ids=["empty", "text", "nested", "long"],
)
def test_what_is_no_signature_is_told_so(tmp_path: Path, content: bytes, expected: str) -> None:
    (result,) = found(tmp_path, ACT, AFile("Content/acte.pdf.p7s", content))

    assert said(result) == expected


@pytest.mark.parametrize(
    ("by", "options", "expected"),
    [
        (pki.signer, ("-nocerts",), "indeterminate NO_SIGNING_CERTIFICATE_FOUND no_certificate"),
        (pki.signer, ("-md", "sha1"), "indeterminate CRYPTO_CONSTRAINTS_FAILURE_NO_POE weak"),
        (pki.signer, ("-md", "sha512"), "valid"),
        (pki.signer, ("-noattr",), "indeterminate SIG_CONSTRAINTS_FAILURE unbound"),
        (lambda: pki.signer("2048"), ("-keyopt", "rsa_padding_mode:pss"), "valid"),
        (lambda: pki.signer("1024"), (), "indeterminate CRYPTO_CONSTRAINTS_FAILURE_NO_POE weak"),
        (
            lambda: pki.issue(pki.Wanted("Vieux", until=datetime(2025, 1, 1, tzinfo=UTC)), pki.authority()),
            (),
            "invalid EXPIRED expired",
        ),
    ],
    ids=["no certificate", "sha-1", "sha-512", "no attributes", "pss", "short key", "expired"],
)
def test_each_rule_is_named_that_a_signature_breaks(
    tmp_path: Path, by: object, options: tuple[str, ...], expected: str
) -> None:
    made = openssl(tmp_path / "made", PDF, *options, by=by())  # type: ignore[operator]

    (result,) = found(tmp_path, ACT, AFile("Content/acte.pdf.p7s", made))

    assert said(result) == expected


def test_a_certificate_that_was_issued_with_a_weak_digest_proves_nothing(tmp_path: Path) -> None:
    made = openssl(tmp_path / "made", PDF, by=issued_with_sha1(tmp_path / "issued"))

    (result,) = found(tmp_path, ACT, AFile("Content/acte.pdf.p7s", made))

    assert said(result) == "indeterminate CRYPTO_CONSTRAINTS_FAILURE_NO_POE weak"
    assert result.fault is not None
    assert result.fault.details == {"what": "SHA-1"}


def test_the_value_of_a_signature_counts(tmp_path: Path) -> None:
    made = a_value_changed(openssl(tmp_path / "made", PDF))

    (result,) = found(tmp_path, ACT, AFile("Content/acte.pdf.p7s", made))

    assert said(result) == "invalid SIG_CRYPTO_FAILURE value"


def test_a_certificate_of_another_kind_of_key_is_not_the_one_that_signed(tmp_path: Path) -> None:
    message = cms.ContentInfo.load(openssl(tmp_path / "made", PDF))
    serial = pki.signer().certificate.serial_number
    other = pki.issue(pki.Wanted("Anne Maire", key="2048", serial=serial), pki.authority())
    message["content"]["certificates"] = [asn1(other.certificate)]

    (result,) = found(tmp_path, ACT, AFile("Content/acte.pdf.p7s", message.dump(force=True)))

    assert said(result) == "invalid SIG_CRYPTO_FAILURE value"


def test_lists_of_revocation_may_come_with_the_signature(tmp_path: Path) -> None:
    trust = pki.trust_folder(tmp_path / "trust", lists=False)
    made = openssl(tmp_path / "made", PDF)
    with_lists = holding_lists(made)

    assert said(found(tmp_path, ACT, AFile("Content/acte.pdf.p7s", made), trust=trust)[0]).endswith("unknown")
    assert said(found(tmp_path, ACT, AFile("Content/acte.pdf.p7s", with_lists), trust=trust)[0]) == "valid"


def holding_lists(made: bytes) -> bytes:
    message = cms.ContentInfo.load(made)
    lists = [pki.crl_der(pki.root()), pki.crl_der(pki.authority())]
    message["content"]["crls"] = [crl.CertificateList.load(each) for each in lists]
    return bytes(message.dump(force=True))


def test_the_unit_of_the_document_is_the_one_that_seda_2_3_names(tmp_path: Path) -> None:
    files = (AFile("Content/a.pdf", PDF), AFile("Content/b.p7s", openssl(tmp_path / "made", PDF)))
    units = (AUnit("Acte", files=(0,)), AUnit("Signature", files=(1,), extra=naming("unit-1")))

    found_ones = results(tmp_path, sip=ASip(files, units, version="2.3"), now=datetime.now(UTC))

    assert [(said(each), each.documents) for each in found_ones] == [("valid", ("Content/a.pdf",))]


def naming(*units: str) -> str:
    """Return what a unit of a signature says of those of its documents (SEDA 2.3)."""
    named = "".join(f"<SignedDocumentReferenceId>{each}</SignedDocumentReferenceId>" for each in units)
    return f"<SigningInformation><SigningRole>Signature</SigningRole>{named}</SigningInformation>"


def signed_apart(signature: AFile, to: tuple[str, ...] = ("unit-1", "unit-2")) -> ASip:
    """Return a package of two units with three documents, and one of their signature, which names `to`."""
    files = (*(AFile(f"Content/{name}.pdf", PDF + name.encode()) for name in "abc"), signature)
    units = (AUnit("Acte", files=(0, 1)), AUnit("Annexe", files=(2,)))
    return ASip(files, (*units, AUnit("Signature", files=(3,), extra=naming(*to))), version="2.3")


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_each_file_of_each_unit_that_is_named_may_be_the_document(tmp_path: Path, name: str) -> None:
    made = openssl(tmp_path / "made", PDF + name.encode(), "-md", "sha256")

    (result,) = results(tmp_path, sip=signed_apart(AFile("Content/s.p7s", made)), now=datetime.now(UTC))

    assert (said(result), result.documents) == ("valid", (f"Content/{name}.pdf",))
    assert result.covers == result.documents


def test_each_signer_of_a_message_may_have_signed_another_document(tmp_path: Path) -> None:
    first, second = (cms.ContentInfo.load(openssl(tmp_path / name, PDF + name.encode())) for name in "bc")
    first["content"]["signer_infos"].append(second["content"]["signer_infos"][0])
    sip = signed_apart(AFile("Content/s.p7s", first.dump(force=True)))

    told = results(tmp_path, sip=sip, now=datetime.now(UTC))

    assert {(said(each), each.documents) for each in told} == {
        ("valid", ("Content/b.pdf",)),
        ("valid", ("Content/c.pdf",)),
    }


def test_a_signature_of_none_of_its_documents_is_told_against_the_likeliest(tmp_path: Path) -> None:
    made = openssl(tmp_path / "made", PDF)

    (result,) = results(tmp_path, sip=signed_apart(AFile("Content/s.p7s", made)), now=datetime.now(UTC))

    assert said(result) == "invalid HASH_FAILURE digest"
    assert result.fault is not None
    assert result.fault.details == {"what": "Content/a.pdf"}


def test_of_documents_that_are_alike_the_likeliest_is_told(tmp_path: Path) -> None:
    files = (ACT, AFile("Content/copie.pdf", PDF), AFile("Content/s.p7s", openssl(tmp_path / "made", PDF)))
    units = (AUnit("Acte", files=(0, 1)), AUnit("Signature", files=(2,), extra=naming("unit-1")))

    (result,) = results(tmp_path, sip=ASip(files, units, version="2.3"), now=datetime.now(UTC))

    assert (said(result), result.documents) == ("valid", (ACT.path,))


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_an_xml_signature_of_a_name_that_is_not_there_is_tried_on_each_document(tmp_path: Path, name: str) -> None:
    signature = AFile("Content/s.xml", detached("original.pdf", PDF + name.encode()))

    (result,) = results(tmp_path, sip=signed_apart(signature))

    assert (said(result), result.documents) == ("valid", (f"Content/{name}.pdf",))


@pytest.mark.parametrize("kind", ["p7s", "xml"])
def test_documents_are_tried_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(reading, "MOST_DOCUMENTS", 2)
    made = detached("x", PDF) if kind == "xml" else openssl(tmp_path / "made", PDF)

    (result,) = results(tmp_path, sip=signed_apart(AFile(f"Content/s.{kind}", made)))

    assert said(result) == "indeterminate GENERIC too_many"
