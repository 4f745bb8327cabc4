"""Signatures that carry their evidence: lists, answers and time-stamps inside, so that no operator need have them."""

import asyncio
import base64
import hashlib
import io
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import core, crl, ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.validation.dss import DocumentSecurityStore
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.verifier import SignatureConfiguration, XMLVerifier

from services.ingest.pipeline.signatures.carried import wrapped
from services.ingest.pipeline.signatures.hashing import Hashing, Marks
from tests.builders import pki
from tests.builders.signed_pdfs import a_pdf, a_stamper, asn1, sign_pdf
from tests.builders.signed_xml import (
    DS,
    ENVELOPED,
    EXCLUSIVE,
    INCLUSIVE,
    XADES_1_3_2,
    Manner,
    Part,
    a_pes,
    by_signxml,
    canonical,
    document,
    enveloped,
    sign,
)
from tests.builders.sips import AFile
from tests.unit.ingest.signing import results, said

AFTER = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def no_lists(tmp_path: Path) -> Path:
    return pki.trust_folder(tmp_path / "trust", lists=False)


def xml(content: bytes) -> AFile:
    return AFile("Content/flux.xml", content)


def with_unsigned(root: etree._Element, how: Manner, **values: list[bytes]) -> etree._Element:
    """Sign a document, and put values into its unsigned properties: ``CRL``, ``OCSP``, ``TimeStamp``."""
    signature = sign(root, [Part("", canonical(root))], how)
    qualifying = signature.find(f".//{{{XADES_1_3_2}}}QualifyingProperties")
    assert qualifying is not None
    unsigned = etree.SubElement(qualifying, f"{{{XADES_1_3_2}}}UnsignedProperties")
    properties = etree.SubElement(unsigned, f"{{{XADES_1_3_2}}}UnsignedSignatureProperties")
    revocation = etree.SubElement(properties, f"{{{XADES_1_3_2}}}RevocationValues")
    for kind, contents in values.items():
        held = etree.SubElement(revocation, f"{{{XADES_1_3_2}}}{kind}Values")
        for content in contents:
            encapsulated = etree.SubElement(held, f"{{{XADES_1_3_2}}}Encapsulated{kind}Value")
            encapsulated.text = base64.b64encode(content).decode()
    return properties


def test_lists_inside_of_a_xades_signature_count(no_lists: Path, tmp_path: Path) -> None:
    root = a_pes()
    with_unsigned(root, Manner(), CRL=[pki.crl_der(pki.root()), pki.crl_der(pki.authority())])

    assert said(results(tmp_path, xml(document(root)), trust=no_lists)[0]) == "valid"


@pytest.mark.parametrize("basic", [False, True])
@pytest.mark.parametrize(
    ("revoked", "expected"),
    [
        (None, "valid"),
        (datetime(2026, 1, 5, tzinfo=UTC), "invalid REVOKED revoked"),
        (AFTER, "indeterminate REVOKED_NO_POE revoked_since"),
    ],
)
def test_an_answer_inside_of_a_xades_signature_counts(
    no_lists: Path, tmp_path: Path, basic: bool, revoked: datetime | None, expected: str
) -> None:
    by = pki.issue(pki.Wanted("Bertrand Adjoint", ocsp=True), pki.authority())
    answer = pki.ocsp_der(by, pki.authority(), revoked)
    if basic:
        answer = ocsp.OCSPResponse.load(answer)["response_bytes"]["response"].parsed.dump()
    root = a_pes()
    with_unsigned(root, Manner(by=by), CRL=[pki.crl_der(pki.root())], OCSP=[answer])

    assert said(results(tmp_path, xml(document(root)), trust=no_lists)[0]) == expected


def test_a_list_that_its_issuer_did_not_sign_is_not_believed(no_lists: Path, tmp_path: Path) -> None:
    forged = crl.CertificateList.load(pki.crl_der(pki.authority()))
    forged["signature"] = bytes(len(forged["signature"].native))
    root = a_pes()
    with_unsigned(root, Manner(), CRL=[pki.crl_der(pki.root()), forged.dump(force=True)])

    assert (
        said(results(tmp_path, xml(document(root)), trust=no_lists)[0])
        == "indeterminate TRY_LATER revocation_unknown"
    )


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (None, "indeterminate TRY_LATER revocation_unknown"),
        (datetime(2026, 5, 1, tzinfo=UTC), "valid"),
        (datetime(2026, 7, 1, tzinfo=UTC), "indeterminate TRY_LATER revocation_unknown"),
    ],
    ids=["forgetful", "kept", "kept too late"],
)
def test_a_list_made_after_a_certificate_had_expired_says_nothing_of_it(
    tmp_path: Path, kept: datetime | None, expected: str
) -> None:
    expired = datetime(2026, 6, 1, tzinfo=UTC)
    by = pki.issue(pki.Wanted("Ancienne adjointe", until=expired), pki.authority())
    trust = pki.trust_folder(tmp_path / "trust")
    (trust / "authority.crl").write_bytes(pki.crl_der(pki.authority(), keeps_expired=kept))

    (result,) = results(tmp_path, xml(enveloped(a_pes(), Manner(by=by))), trust=trust)

    assert said(result) == expected


def with_cutoff(answer: bytes, date: datetime | None) -> bytes:
    """Return an answer of the authority that tells of certificates expired since a date."""
    made = ocsp.OCSPResponse.load(answer)
    basic = made["response_bytes"]["response"].parsed
    if date is not None:
        extension = {"extn_id": "archive_cutoff", "extn_value": core.GeneralizedTime(date)}
        basic["tbs_response_data"]["responses"][0]["single_extensions"] = [extension]
    key = pki.authority().key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    basic["signature"] = key.sign(basic["tbs_response_data"].dump(force=True), ec.ECDSA(hashes.SHA256()))
    return wrapped(ocsp.BasicOCSPResponse.load(basic.dump(force=True)))


@pytest.mark.parametrize(
    ("cutoff", "expected"),
    [
        (None, "indeterminate TRY_LATER revocation_unknown"),
        (datetime(2026, 5, 1, tzinfo=UTC), "valid"),
        (datetime(2026, 7, 1, tzinfo=UTC), "indeterminate TRY_LATER revocation_unknown"),
    ],
    ids=["forgetful", "kept", "kept too late"],
)
def test_an_answer_made_after_a_certificate_had_expired_says_nothing_of_it(
    no_lists: Path, tmp_path: Path, cutoff: datetime | None, expected: str
) -> None:
    expired = datetime(2026, 6, 1, tzinfo=UTC)
    by = pki.issue(pki.Wanted("Ancien adjoint", until=expired, ocsp=True), pki.authority())
    # Of the same number, and of another issuer: no answer is about it.
    twin = pki.issue(pki.Wanted("Jumelle", serial=by.certificate.serial_number), pki.root("Autre racine"))
    how = Manner(by=replace(by, above=(*by.above, twin.certificate)))
    root = a_pes()
    answer = with_cutoff(pki.ocsp_der(by, pki.authority()), cutoff)
    with_unsigned(root, how, CRL=[pki.crl_der(pki.root())], OCSP=[answer])

    (result,) = results(tmp_path, xml(document(root)), trust=no_lists)

    assert said(result) == expected


def test_a_certificate_that_anybody_puts_in_hides_no_revocation(tmp_path: Path) -> None:
    trust = pki.trust_folder(tmp_path / "trust", [(pki.signer(), datetime(2026, 2, 1, tzinfo=UTC))])
    past = datetime(2024, 1, 1, tzinfo=UTC)
    # Of the authority by its name alone: its key is another one.
    forged = pki.issue(pki.Wanted("Faux", until=past), replace(pki.authority(), key=pki.key_of("Faussaire")))
    by = replace(pki.signer(), above=(*pki.signer().above, forged.certificate))

    (result,) = results(tmp_path, xml(enveloped(a_pes(), Manner(by=by))), trust=trust)

    assert said(result) == "invalid REVOKED revoked"


def test_evidence_that_cannot_be_read_takes_nothing_from_the_rest(no_lists: Path, tmp_path: Path) -> None:
    root = a_pes()
    lists = [b"garbage", b"\x30\x03\x02\x01\x01", pki.crl_der(pki.root()), pki.crl_der(pki.authority())]
    with_unsigned(root, Manner(), CRL=lists, OCSP=[b"garbage", b"\x30\x03\x0a\x01\x00"])

    (result,) = results(tmp_path, xml(document(root)), trust=no_lists)

    assert said(result) == "valid"
    assert [each.split(",")[0] for each in result.chain] == [
        "Common Name: Anne Maire",
        "Common Name: Autorité",
        "Common Name: Racine",
    ]


def test_the_certificate_that_fails_is_named_though_it_is_not_the_signers(tmp_path: Path) -> None:
    trust = pki.trust_folder(tmp_path / "trust", lists=False)
    (trust / "authority.crl").write_bytes(pki.crl_der(pki.authority()))

    (result,) = results(tmp_path, xml(enveloped(a_pes())), trust=trust)

    assert said(result) == "indeterminate TRY_LATER revocation_unknown"
    assert result.fault is not None
    assert "Autorité" in result.fault.details["certificate"]


def test_a_time_without_zone_is_shown_as_it_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Etc/GMT+9")
    time.tzset()
    root = a_pes()
    signature = sign(root, [Part("", canonical(root))], Manner(zone=""))
    assert b"Z</" not in etree.tostring(signature)

    (result,) = results(tmp_path, xml(document(root)))
    monkeypatch.undo()
    time.tzset()

    assert (said(result), result.claimed_at, result.moment) == (
        "valid",
        "2026-03-01T12:00:00.000Z",
        "2026-03-01T12:00:00.000Z",
    )


@pytest.mark.parametrize("of_another", [False, True])
def test_a_time_stamp_of_a_xades_signature_counts_if_it_is_of_that_one(tmp_path: Path, of_another: bool) -> None:
    trust = pki.trust_folder(tmp_path / "trust", [(pki.signer(), AFTER)])
    root = a_pes()
    properties = with_unsigned(root, Manner())
    value = root.find(f".//{{{DS}}}SignatureValue")
    assert value is not None
    stamped = b"another" if of_another else canonical(value, EXCLUSIVE)
    stamper = a_stamper(datetime(2026, 3, 2, tzinfo=UTC))
    token = asyncio.run(stamper.async_timestamp(hashlib.sha256(stamped).digest(), "sha256"))
    stamp = etree.SubElement(properties, f"{{{XADES_1_3_2}}}SignatureTimeStamp")
    etree.SubElement(stamp, f"{{{DS}}}CanonicalizationMethod", Algorithm=EXCLUSIVE)
    held = etree.SubElement(stamp, f"{{{XADES_1_3_2}}}EncapsulatedTimeStamp")
    held.text = base64.b64encode(token.dump()).decode()

    (result,) = results(tmp_path, xml(document(root)), trust=trust)

    if of_another:
        assert said(result) == "indeterminate REVOKED_NO_POE revoked_since"
        assert result.time_stamp_fault is not None
        assert result.time_stamp_fault.rule == "imprint"
    else:
        assert (said(result), result.moment_is) == ("valid", "time-stamp")


def test_the_evidence_of_long_term_validation_in_a_pdf_counts(no_lists: Path, tmp_path: Path) -> None:
    out = io.BytesIO(sign_pdf(a_pdf()))
    lists = [crl.CertificateList.load(pki.crl_der(each)) for each in (pki.root(), pki.authority())]
    DocumentSecurityStore.add_dss(
        output_stream=out, sig_contents=None, certs=[asn1(pki.authority().certificate)], crls=lists
    )
    # One entry that is none leaves the others.
    held = pki.crl_der(pki.root())
    writer = IncrementalPdfFileWriter(out)
    writer.root["/DSS"]["/Certs"].append(writer.add_object(generic.StreamObject(stream_data=b"garbage")))
    writer.root["/DSS"]["/CRLs"].append(writer.add_object(generic.StreamObject(stream_data=held[:20])))
    writer.update_container(writer.root["/DSS"]["/Certs"])
    writer.update_container(writer.root["/DSS"]["/CRLs"])
    writer.write_in_place()

    (result,) = results(tmp_path, AFile("Content/acte.pdf", out.getvalue()), trust=no_lists)

    assert (said(result), result.covers) == ("valid", ("revision 2 of 4",))


def test_our_samples_are_signed_to_another_software_too() -> None:
    # It tries no revocation and no path where it is given the certificate.
    known = SignatureConfiguration(
        expect_references=2,
        signature_methods=frozenset({SignatureMethod.ECDSA_SHA256}),
        digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
    )
    verified = XMLVerifier().verify(
        enveloped(a_pes()), x509_cert=pki.signer().certificate, expect_config=known, id_attribute="Id"
    )

    assert isinstance(verified, list)
    assert len(verified) == 2


SHAPES = {
    "default namespace": '<a xmlns="urn:a" xmlns:b="urn:b"><c b:x="1" y="2">t</c>u</a>',
    "unused namespaces": '<a xmlns:u="urn:u" xmlns:v="urn:v"><v:b xmlns:w="urn:w"/></a>',
    "undeclared again": '<a xmlns="urn:a"><b xmlns=""><c xmlns="urn:a"/></b></a>',
    "comments and instructions": "<?p q?><!-- before --><a><!-- in --><?r s?>t</a><!-- after -->",
    "entities and marked text": '<a b="&lt;&amp;&quot;&#9;&#10;">&gt;<![CDATA[<x>&]]>&#13;é</a>',
    "language": '<a> <b xml:lang="en" xml:space="preserve"> </b> </a>',
    "attributes in any order": '<a z="1" y="2" xmlns:c="urn:c" xmlns:b="urn:b" c:a="3" b:a="4"/>',
}


@pytest.mark.parametrize("shape", SHAPES)
def test_documents_of_any_shape_that_another_software_signed_are_valid(tmp_path: Path, shape: str) -> None:
    content = by_signxml(etree.fromstring(SHAPES[shape]), pki.signer("2048"))

    (result,) = results(tmp_path, xml(content), now=datetime.now(UTC))

    assert (said(result), result.whole) == ("valid", True)


PREFIXES = (f'xmlns:dsig="{DS}"', f'xmlns:z="{XADES_1_3_2}"', f'xmlns="{DS}"')


@pytest.mark.parametrize("form", [EXCLUSIVE, INCLUSIVE])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_document_may_have_other_prefixes_than_its_signatures(tmp_path: Path, prefix: str, form: str) -> None:
    root = etree.fromstring(f'<a {prefix}><b xmlns="" Id="b">t</b></a>')
    sign(root, [Part("", canonical(root, form), (ENVELOPED, form))], Manner(form=form))
    # Over the first one too: it has to be as it was when its turn comes.
    sign(root, [Part("", canonical(root, form), (ENVELOPED, form))], Manner(form=form, identifier="s2"))
    first, second = results(tmp_path, xml(document(root)))

    # The first one signed a document without the second.
    assert (said(first), said(second)) == ("invalid HASH_FAILURE digest", "valid")
    root.remove(root[-1])
    assert said(results(tmp_path, xml(document(root)))[0]) == "valid"


def test_a_mark_is_found_however_the_bytes_come() -> None:
    marks = Marks(b"[abc[", b"]def]")
    content = b"one[abc[two]def]three[ab" + b"[abc[four]def][abc[five]def]end"
    for size in range(1, len(content) + 1):
        hashing = Hashing("sha256", marks)
        for start in range(0, len(content), size):
            hashing.write(content[start : start + size])

        assert hashing.digest() == hashlib.sha256(b"onethree[abend").digest()


@pytest.mark.parametrize("form", [EXCLUSIVE, INCLUSIVE])
@pytest.mark.parametrize("shape", ["default namespace", "unused namespaces", "undeclared again"])
def test_texts_beside_a_signature_are_signed(tmp_path: Path, shape: str, form: str) -> None:
    root = etree.fromstring(SHAPES[shape])
    root[0].tail = "avant "
    content = canonical(root, form)
    signature = sign(root, [Part("", content, (ENVELOPED, form))], Manner(form=form))
    signature.tail = None
    whole = document(root, "UTF-8")
    changed = whole.replace(b"avant ", b"apres ")

    assert said(results(tmp_path, xml(whole))[0]) == "valid"
    assert said(results(tmp_path, xml(changed))[0]) == "invalid HASH_FAILURE digest"


def test_a_part_below_a_language_in_canonical_xml_is_not_guessed_at(tmp_path: Path) -> None:
    root = etree.fromstring('<a xml:lang="fr"><b Id="b">t</b></a>')
    sign(root, [Part("#b", canonical(root[0], INCLUSIVE), (INCLUSIVE,))])

    assert said(results(tmp_path, xml(document(root)))[0]) == "indeterminate GENERIC unsupported"


def test_a_certificate_of_cryptography_is_the_one_of_the_report(tmp_path: Path) -> None:
    (result,) = results(tmp_path, xml(enveloped(a_pes())))

    held = x509.load_der_x509_certificate(pki.signer().der)
    assert result.certificate is not None
    assert result.certificate.serial == f"{held.serial_number:x}"
    assert result.certificate.not_after == held.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%S.000Z")
