"""What a depositor is told of signatures, as the agreement has it; the manifest's own; who is trusted."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from services.ingest.domain.agreement import Agreement, Signatures
from services.ingest.domain.errors import UnusableTrust
from services.ingest.domain.finding_texts import text
from services.ingest.domain.findings import Severity
from services.ingest.domain.limits import Limits
from services.ingest.pipeline.check_signatures import wants_signatures
from services.ingest.trust import load_trust
from tests.builders import pki
from tests.builders.signed_cms import openssl
from tests.builders.signed_pdfs import a_pdf, add_revision, sign_pdf, stamp_pdf
from tests.builders.signed_xml import EXCLUSIVE, Manner, Part, canonical, document, sign
from tests.builders.sips import AFile, ASip, a_manifest, an_agreement, codes
from tests.unit.ingest.signing import asking, judged, results, said

SEDA = "{fr:gouv:culture:archivesdefrance:seda:v2.1}"
ALTERED = AFile("Content/acte.pdf", sign_pdf(a_pdf()).replace(b"/MediaBox", b"/MediaBux"))


def unknown() -> AFile:
    by = pki.issue(pki.Wanted("Inconnue"), pki.root("Autre racine"))
    return AFile("Content/inconnu.pdf", sign_pdf(a_pdf(), by))


@pytest.mark.parametrize(
    ("policy", "severities"),
    [
        (Signatures.IGNORE, []),
        (Signatures.RECORD, []),
        (Signatures.WARN, [Severity.WARNING, Severity.WARNING]),
        (Signatures.REJECT, [Severity.ERROR, Severity.ERROR]),
    ],
)
def test_the_agreement_says_what_signatures_that_are_not_valid_weigh(
    tmp_path: Path, policy: Signatures, severities: list[Severity]
) -> None:
    found = judged(tmp_path, ALTERED, unknown(), agreement=asking(policy))

    assert [each.severity for each in found.findings] == severities
    assert codes(found.findings) == ["SIGNATURE_INVALID", "SIGNATURE_INDETERMINATE"][: len(severities)]
    assert found.inventory is not None
    assert found.inventory.signatures is not None
    assert len(found.inventory.signatures.results) == (0 if policy is Signatures.IGNORE else 2)


def test_a_finding_says_which_certificate_which_date_and_which_rule_in_both_languages(tmp_path: Path) -> None:
    old = pki.issue(pki.Wanted("Ancien maire", until=datetime(2025, 1, 1, tzinfo=UTC)), pki.authority())
    (finding,) = judged(tmp_path, AFile("Content/acte.pdf", sign_pdf(a_pdf(), old))).findings

    assert (finding.code, finding.place) == ("SIGNATURE_INVALID", "Content/acte.pdf")
    serial = f"{old.certificate.serial_number:x}"
    for told in (text(finding, "fr"), text(finding, "en")):
        assert all(word in told for word in ("Ancien maire", serial, "2025-01-01", "2026-03-01", "EXPIRED"))
    assert "a expiré le" in text(finding, "fr")
    assert "expired on" in text(finding, "en")


@pytest.mark.parametrize(
    ("policy", "severity"), [(Signatures.WARN, Severity.WARNING), (Signatures.REJECT, Severity.ERROR)]
)
def test_a_document_without_a_signature_is_told_of_where_one_is_required(
    tmp_path: Path, policy: Signatures, severity: Severity
) -> None:
    act = AFile("Content/délibération.txt", b"texte")
    files = (
        AFile("Content/acte.pdf", sign_pdf(a_pdf())),
        act,
        AFile("Content/délibération.txt.p7s", openssl(tmp_path / "made", act.content)),
        AFile("Content/annexe.txt", b"annexe"),
        AFile("Content/vignette.png", b"vignette", usage="Thumbnail_1"),
    )

    found = judged(tmp_path, *files, agreement=asking(policy, signatures_required=True), now=datetime.now(UTC))

    missing = [(each.place, each.severity) for each in found.findings if each.code == "SIGNATURE_MISSING"]
    assert missing == [("Content/annexe.txt", severity)]


def test_a_time_stamp_of_a_document_is_nobodys_signature(tmp_path: Path) -> None:
    when = datetime(2026, 3, 5, tzinfo=UTC)
    files = (
        AFile("Content/acte.pdf", stamp_pdf(a_pdf(), when)),
        AFile("Content/ajout.pdf", stamp_pdf(add_revision(sign_pdf(a_pdf())), when)),
    )

    found = judged(tmp_path, *files, agreement=asking(signatures_required=True)).findings

    assert {(each.code, each.place) for each in found} == {
        ("SIGNATURE_MISSING", "Content/acte.pdf"),
        ("SIGNATURE_PARTIAL", "Content/ajout.pdf"),
    }


def message(policy: Signatures = Signatures.WARN, *, required: bool = False) -> Agreement:
    return asking(Signatures.IGNORE, message_signature=policy, message_signature_required=required)


def signed_manifest(part: str = "", manner: Manner | None = None) -> ASip:
    """Return a package whose manifest is signed, as a whole or one part of it."""
    sip = ASip()
    root = etree.fromstring(a_manifest(sip))
    slot = etree.Element(f"{SEDA}Signature")
    root.find(f"{SEDA}MessageIdentifier").addnext(slot)  # type: ignore[union-attr]
    if part:
        (element,) = root.xpath(f"//*[@id='{part}']")
        sign(slot, [Part(f"#{part}", canonical(element), (EXCLUSIVE,))], manner)
    else:
        sign(slot, [Part("", canonical(root))], manner)
    return ASip(files=sip.files, units=sip.units, manifest=document(root, "UTF-8"))


def test_the_signature_of_a_manifest_is_valid_over_all_of_it(tmp_path: Path) -> None:
    sip = signed_manifest()

    (result,) = results(tmp_path, sip=sip, agreement=message())

    assert (said(result), result.path, result.whole) == ("valid", "manifest.xml", True)
    assert judged(tmp_path, sip=sip, agreement=message(required=True)).findings == ()


@pytest.mark.parametrize(
    ("policy", "severity"), [(Signatures.WARN, Severity.WARNING), (Signatures.REJECT, Severity.ERROR)]
)
def test_a_manifest_that_was_changed_is_told_of(tmp_path: Path, policy: Signatures, severity: Severity) -> None:
    sip = signed_manifest()
    assert sip.manifest is not None
    changed = ASip(files=sip.files, units=sip.units, manifest=sip.manifest.replace(b"2024-06-30", b"2024-06-29", 1))

    (finding,) = judged(tmp_path, sip=changed, agreement=message(policy)).findings

    assert (finding.code, finding.severity) == ("SIGNATURE_MESSAGE_INVALID", severity)
    assert finding.params["indication"] == "HASH_FAILURE"


def test_a_signature_of_a_part_of_a_manifest_does_not_stand_for_all_of_it(tmp_path: Path) -> None:
    (finding,) = judged(tmp_path, sip=signed_manifest("unit-1"), agreement=message()).findings

    assert (finding.code, finding.params["indication"]) == (
        "SIGNATURE_MESSAGE_INDETERMINATE",
        "SIG_CONSTRAINTS_FAILURE",
    )


def test_a_manifest_without_its_signature_is_told_of_where_one_is_required(tmp_path: Path) -> None:
    assert codes(judged(tmp_path, sip=ASip(), agreement=message(required=True)).findings) == [
        "SIGNATURE_MESSAGE_MISSING"
    ]
    assert judged(tmp_path, sip=ASip(), agreement=message()).findings == ()


def test_a_signed_manifest_beyond_the_limit_is_indeterminate(tmp_path: Path) -> None:
    limits = Limits(max_signed_xml_bytes=1000)

    signed = results(tmp_path, sip=signed_manifest(), agreement=message(), limits=limits)

    assert [said(each) for each in signed] == ["indeterminate GENERIC too_large"]
    assert results(tmp_path, sip=ASip(), agreement=message(), limits=limits) == []


def test_without_anchors_nobody_is_trusted() -> None:
    assert not load_trust(None).anchors
    assert not wants_signatures(an_agreement())


def test_anchors_are_read_from_a_file_or_a_folder_and_again_when_they_change(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(pki.root().pem + pki.authority().pem)
    folder = pki.trust_folder(tmp_path / "trust")
    (folder / "README").write_text("of no interest")

    assert (len(load_trust(bundle).anchors), len(load_trust(bundle).crls)) == (2, 0)
    assert (len(load_trust(folder).anchors), len(load_trust(folder).crls)) == (1, 2)
    (folder / "more.der").write_bytes(pki.authority().der)
    assert len(load_trust(folder).anchors) == 2


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_anchors_that_cannot_be_read_are_a_fault_of_the_setting(tmp_path: Path, content: bytes | None) -> None:
    place = tmp_path / "trust.pem"
    if content is not None:
        place.write_bytes(content)

    with pytest.raises(UnusableTrust, match=r"certificate"):
        load_trust(place)


def test_all_files_of_a_folder_that_cannot_be_read_are_named_at_once(tmp_path: Path) -> None:
    folder = pki.trust_folder(tmp_path / "trust")
    (folder / "old.crt").write_text("no certificate")
    (folder / "root.crl").write_bytes(b"\x30\x03\x02\x01\x01")

    with pytest.raises(UnusableTrust, match=r"old\.crt, root\.crl$"):
        load_trust(folder)


def test_nothing_of_it_is_loaded_for_agreements_that_do_not_ask() -> None:
    code = (
        "import sys; import services.ingest.tasks, services.ingest.settings;"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'pyhanko', 'signxml', 'asn1crypto'}))"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"
