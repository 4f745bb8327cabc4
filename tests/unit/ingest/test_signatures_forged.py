"""What anybody may put into a signature beside it: certificates of a true issuer's name, lists and answers of his."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms, crl
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from tests.builders import pki
from tests.builders.pki import Holder
from tests.builders.signed_cms import openssl
from tests.builders.signed_xml import XADES_1_3_2, Manner, Part, a_pes, canonical, document, sign
from tests.builders.sip_manifests import PDF
from tests.builders.sips import AFile, codes
from tests.unit.ingest.signing import NOW, judged, results, said

BEFORE, AFTER = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
PAST = datetime(2024, 1, 1, tzinfo=UTC)


def forged() -> Sequence[Holder]:
    """Return authorities of the name of the signer's issuer, with another key: whoever wants makes them."""
    forger = replace(pki.root(), key=pki.key_of("Faussaire"))
    alone = pki.issue(pki.Wanted("Autorité", authority=True, key="2048"))
    return (
        alone,
        pki.issue(pki.Wanted("Autorité", authority=True, key="2048"), forger),
        pki.issue(pki.Wanted("Autorité", authority=True, key="2048", until=PAST), forger),
    )


def bagged(by: Holder) -> Holder:
    """Return a signer whose signatures hold the forged certificates, before the true ones."""
    return replace(by, above=(*(each.certificate for each in forged()), *by.above))


def forged_lists() -> list[bytes]:
    return [pki.crl_der(each) for each in forged()]


def test_a_cms_message_hides_no_revocation_behind_an_issuer_of_the_same_name(tmp_path: Path) -> None:
    trust = pki.trust_folder(tmp_path / "trust", [(pki.signer(), BEFORE)])
    message = cms.ContentInfo.load(openssl(tmp_path / "made", PDF, by=bagged(pki.signer())))
    message["content"]["crls"] = [crl.CertificateList.load(each) for each in forged_lists()]
    assert len(message["content"]["certificates"]) > len(pki.signer().above) + 1
    files = (AFile("Content/acte.pdf", PDF), AFile("Content/acte.pdf.p7s", message.dump(force=True)))
    now = datetime.now(UTC) + timedelta(minutes=1)

    found = judged(tmp_path, *files, trust=trust, now=now)

    assert codes(found.findings) == ["SIGNATURE_INVALID"]
    assert found.findings[0].params["indication"] == "REVOKED"
    assert found.inventory is not None
    assert found.inventory.signatures is not None
    (result,) = found.inventory.signatures.results
    assert [each.split(",")[0] for each in result.chain] == [
        "Common Name: Anne Maire",
        "Common Name: Autorité",
        "Common Name: Racine",
    ]


@pytest.mark.parametrize(
    ("revoked", "expected"),
    [
        ((), "valid"),
        ((BEFORE,), "invalid REVOKED revoked"),
        ((AFTER,), "indeterminate REVOKED_NO_POE revoked_since"),
    ],
    ids=["never", "before", "after"],
)
def test_forged_lists_and_answers_of_an_issuers_name_change_nothing(
    tmp_path: Path, revoked: Sequence[datetime], expected: str
) -> None:
    by = pki.issue(pki.Wanted("Secrétaire", ocsp=True), pki.authority())
    trust = pki.trust_folder(tmp_path / "trust", [(by, when) for when in revoked])
    root = a_pes()
    put_beside(sign(root, [Part("", canonical(root))], Manner(by=bagged(by))), by)

    (result,) = results(tmp_path, AFile("Content/flux.xml", document(root)), trust=trust)

    assert said(result) == expected


def test_forged_lists_and_answers_alone_prove_nothing(tmp_path: Path) -> None:
    by = pki.issue(pki.Wanted("Secrétaire", ocsp=True), pki.authority())
    trust = pki.trust_folder(tmp_path / "trust", lists=False)
    (trust / "root.crl").write_bytes(pki.revocation_list(pki.root()).public_bytes(Encoding.PEM))
    root = a_pes()
    put_beside(sign(root, [Part("", canonical(root))], Manner(by=bagged(by))), by)

    (result,) = results(tmp_path, AFile("Content/flux.xml", document(root)), trust=trust, now=NOW)

    assert said(result) == "indeterminate TRY_LATER revocation_unknown"


def put_beside(signature: etree._Element, by: Holder) -> None:
    """Put lists and answers of the forged authorities into the unsigned properties."""
    qualifying = signature.find(f".//{{{XADES_1_3_2}}}QualifyingProperties")
    assert qualifying is not None
    place = qualifying
    for name in ("UnsignedProperties", "UnsignedSignatureProperties", "RevocationValues"):
        place = etree.SubElement(place, f"{{{XADES_1_3_2}}}{name}")
    answers = [pki.ocsp_der(by, each) for each in forged()]
    for kind, contents in (("CRL", forged_lists()), ("OCSP", answers)):
        held = etree.SubElement(place, f"{{{XADES_1_3_2}}}{kind}Values")
        for content in contents:
            encapsulated = etree.SubElement(held, f"{{{XADES_1_3_2}}}Encapsulated{kind}Value")
            encapsulated.text = base64.b64encode(content).decode()
