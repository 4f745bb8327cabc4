"""What the signatures of a file, taken together, leave unsigned: parts of XML, additions to a PDF, what hides."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import crl
from lxml import etree
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, append_signature_field
from pyhanko.sign.validation.dss import DocumentSecurityStore

from services.ingest.domain.agreement import Signatures
from services.ingest.domain.finding_texts import text
from services.ingest.domain.findings import Finding, Severity
from services.ingest.pipeline.signatures import pades
from tests.builders import pki
from tests.builders.signed_pdfs import a_pdf, add_revision, asn1, sign_pdf, stamp_pdf
from tests.builders.signed_xml import (
    DS,
    ENVELOPED,
    EXCLUSIVE,
    XADES_1_3_2,
    XPATH,
    Manner,
    Part,
    a_pes,
    canonical,
    detached,
    document,
    sign,
)
from tests.builders.sips import AFile, ASip, a_manifest
from tests.unit.ingest.signing import asking, judged, results, said

STAMPED = datetime(2026, 3, 5, tzinfo=UTC)


def flow(root: etree._Element) -> AFile:
    return AFile("Content/flux.xml", document(root))


def signed_parts(*numbers: int, of: int = 3) -> etree._Element:
    """Return a PES some of whose bordereaux are signed, one by one."""
    root = a_pes(of)
    for number, bordereau in enumerate(list(root.iter("Bordereau"))):
        if number in numbers:
            part = Part(f"#b{number}", canonical(bordereau), (ENVELOPED, EXCLUSIVE))
            sign(bordereau, [part], Manner(identifier=f"s{number}"))
    return root


def told(folder: Path, file: AFile, policy: Signatures = Signatures.WARN, *, required: bool = True) -> list[Finding]:
    return list(judged(folder, file, agreement=asking(policy, signatures_required=required)).findings)


@pytest.mark.parametrize(
    ("policy", "required", "severity"),
    [
        (Signatures.WARN, True, Severity.WARNING),
        (Signatures.WARN, False, Severity.WARNING),
        (Signatures.REJECT, True, Severity.ERROR),
        (Signatures.REJECT, False, Severity.WARNING),
    ],
)
def test_a_bordereau_that_nobody_signed_beside_others_is_told_of(
    tmp_path: Path, policy: Signatures, required: bool, severity: Severity
) -> None:
    (finding,) = told(tmp_path, flow(signed_parts(1)), policy, required=required)

    assert (finding.code, finding.place, finding.severity) == ("SIGNATURE_PARTIAL", "Content/flux.xml", severity)
    for language in ("fr", "en"):
        assert all(word in text(finding, language) for word in ("2", "3", "Bordereau b0, Bordereau b2"))


@pytest.mark.parametrize("policy", [Signatures.RECORD, Signatures.WARN])
def test_a_pes_whose_bordereaux_are_all_signed_lacks_nothing(tmp_path: Path, policy: Signatures) -> None:
    required = policy is not Signatures.RECORD

    assert told(tmp_path, flow(signed_parts(0, 1, 2)), policy, required=required) == []


def test_a_bordereau_whose_signature_does_not_verify_is_one_that_is_not_covered(tmp_path: Path) -> None:
    altered = document(signed_parts(0, 1, of=2)).replace(b'<IdBord V="1"/>', b'<IdBord V="9"/>')

    findings = told(tmp_path, AFile("Content/flux.xml", altered))

    assert [each.code for each in findings] == ["SIGNATURE_INVALID", "SIGNATURE_PARTIAL"]
    assert "(Bordereau b1)" in text(findings[1], "en")


def test_what_no_signature_covers_any_part_of_is_told_by_what_is_wrong_with_them(tmp_path: Path) -> None:
    altered = document(signed_parts(0, of=1)).replace(b'<IdBord V="0"/>', b'<IdBord V="9"/>')

    findings = told(tmp_path, AFile("Content/flux.xml", altered))

    assert [each.code for each in findings] == ["SIGNATURE_INVALID"]


def test_a_signature_of_the_whole_makes_up_for_those_of_parts(tmp_path: Path) -> None:
    root = signed_parts(1)
    sign(root, [Part("", canonical(root))], Manner(identifier="whole"))

    assert told(tmp_path, flow(root)) == []


def test_a_signature_of_what_holds_the_bordereaux_is_of_each(tmp_path: Path) -> None:
    root = a_pes(2)
    root[1].set("Id", "expenses")
    sign(root, [Part("#expenses", canonical(root[1]), (EXCLUSIVE,))])

    assert told(tmp_path, flow(root)) == []


def test_a_document_that_is_no_pes_is_signed_as_a_whole_or_told_of(tmp_path: Path) -> None:
    root = etree.fromstring('<a><b Id="b">t</b><c/></a>')
    sign(root, [Part("#b", canonical(root[0]), (EXCLUSIVE,))])

    (finding,) = told(tmp_path, flow(root), Signatures.REJECT)

    assert (finding.code, finding.severity) == ("SIGNATURE_PARTIAL", Severity.WARNING)
    assert "parts of it" in text(finding, "en")


def test_a_detached_signature_leaves_nothing_of_its_own_file(tmp_path: Path) -> None:
    files = (AFile("Content/acte.txt", b"acte"), AFile("Content/s.xml", detached("acte.txt", b"acte")))

    assert judged(tmp_path, *files, agreement=asking(signatures_required=True)).findings == ()


def enveloping(*signed: str, held: tuple[str, ...]) -> etree._Element:
    """Return signatures that hold elements, in a document of nothing else; some of these are signed."""
    root = etree.Element("Signatures")
    signature = sign(
        root, [Part(f"#{each}", canonical(etree.fromstring(an_object(each))), (EXCLUSIVE,)) for each in signed]
    )
    for each in held:
        signature.append(etree.fromstring(an_object(each)))
    return root


def an_object(name: str) -> str:
    return f'<ds:Object xmlns:ds="{DS}" Id="{name}"><acte>{name}</acte></ds:Object>'


def test_what_an_enveloping_signature_holds_is_signed_or_told_of(tmp_path: Path) -> None:
    assert told(tmp_path, flow(enveloping("a", "b", held=("a", "b")))) == []
    assert [each.code for each in told(tmp_path, flow(enveloping("a", held=("a", "b"))))] == ["SIGNATURE_PARTIAL"]
    beside = enveloping("a", held=("a",))
    beside.text = "et plus"
    assert [each.code for each in told(tmp_path, flow(beside))] == ["SIGNATURE_PARTIAL"]


def without_signatures(root: etree._Element) -> etree._Element:
    """Sign a document but for all of its signatures, by XPath."""
    return sign(root, [Part("", canonical(root), (XPATH, EXCLUSIVE))])


def a_payload() -> etree._Element:
    """Return what looks like a signature and is a document that nobody signed."""
    payload = etree.Element(f"{{{DS}}}Signature")
    etree.SubElement(payload, f"{{{DS}}}Object").append(etree.fromstring("<IdBord V='9'/>"))
    return payload


def a_bare_element() -> etree._Element:
    payload = etree.Element(f"{{{DS}}}Signature")
    payload.append(etree.fromstring("<IdBord V='9'/>"))
    return payload


def words() -> etree._Element:
    payload = etree.Element(f"{{{DS}}}Signature")
    etree.SubElement(payload, f"{{{DS}}}Object").text = "neuf"
    return payload


def bare_words() -> etree._Element:
    payload = words()
    payload[0].text, payload[0].tail = None, "neuf"
    return payload


@pytest.mark.parametrize("made", [a_payload, a_bare_element, words, bare_words])
def test_what_hides_in_a_signature_that_is_left_out_makes_the_rest_no_whole(
    tmp_path: Path, made: Callable[[], etree._Element]
) -> None:
    root = a_pes()
    without_signatures(root)
    root[1].append(made())

    genuine = next(each for each in results(tmp_path, flow(root)) if each.name == "sig")

    assert (said(genuine), genuine.whole) == ("valid", False)
    assert genuine.covers == ("the whole document, other signatures left out",)
    assert "SIGNATURE_PARTIAL" in [each.code for each in told(tmp_path, flow(root))]


def test_what_hides_in_a_signature_of_a_manifest_leaves_it_signed_in_part(tmp_path: Path) -> None:
    sip = ASip()
    root = etree.fromstring(a_manifest(sip))
    identifier = root.find("{*}MessageIdentifier")
    assert identifier is not None
    slot = etree.Element(f"{{{etree.QName(root).namespace}}}Signature")
    identifier.addnext(slot)
    sign(slot, [Part("", canonical(root), (XPATH, EXCLUSIVE))])
    asked = asking(Signatures.IGNORE, message_signature=Signatures.WARN)

    def of_message() -> list[str]:
        signed = replace(sip, manifest=document(root, "UTF-8"))
        return [said(each) for each in results(tmp_path, sip=signed, agreement=asked)]

    assert of_message() == ["valid"]
    root[-1].append(a_payload())
    assert of_message() == ["indeterminate SIG_CONSTRAINTS_FAILURE message_part"]


def test_what_hides_in_its_own_signature_makes_the_rest_no_whole_unless_it_is_signed_too(tmp_path: Path) -> None:
    root, other = a_pes(), a_pes()
    held = an_object("annexe")
    sign(root, [Part("", canonical(root))]).append(etree.fromstring(held))
    both = [Part("", canonical(other)), Part("#annexe", canonical(etree.fromstring(held)), (EXCLUSIVE,))]
    sign(other, both).append(etree.fromstring(held))

    (hiding,), (signing,) = results(tmp_path, flow(root)), results(tmp_path, flow(other))

    assert (said(hiding), hiding.whole) == ("valid", False)
    assert (said(signing), signing.whole) == ("valid", True)


def test_two_references_that_leave_the_same_out_do_not_make_up_for_each_other(tmp_path: Path) -> None:
    root = a_pes()
    part = Part("", canonical(root))
    sign(root, [part, replace(part, uri="#pes")]).append(etree.fromstring(an_object("annexe")))

    (result,) = results(tmp_path, flow(root))

    assert (said(result), result.whole) == ("valid", False)


def test_what_is_left_out_is_looked_at_up_to_a_bound(tmp_path: Path) -> None:
    root = a_pes()
    held = etree.fromstring(f'<ds:Object xmlns:ds="{DS}" Id="annexe">{"<a/>" * 2000}</ds:Object>')
    whole, annexe = Part("", canonical(root)), Part("#annexe", canonical(held), (EXCLUSIVE,))
    sign(root, [whole, annexe]).append(held)
    often = a_pes()
    sign(often, [*[whole] * 100, annexe]).append(etree.fromstring(etree.tostring(held)))

    (once,), (result,) = results(tmp_path, flow(root)), results(tmp_path, flow(often))

    assert (said(once), once.whole) == ("valid", True)
    assert said(result) == "indeterminate GENERIC too_many"


def test_a_bordereau_in_the_properties_of_a_signature_is_signed_by_nobody(tmp_path: Path) -> None:
    root = a_pes()
    qualifying = without_signatures(root).find(f".//{{{XADES_1_3_2}}}QualifyingProperties")
    assert qualifying is not None
    etree.SubElement(qualifying, f"{{{XADES_1_3_2}}}UnsignedProperties").append(
        etree.fromstring("<Bordereau Id='b9'/>")
    )

    (finding,) = told(tmp_path, flow(root))

    assert "(Bordereau b9)" in text(finding, "en")


def test_signatures_beside_one_another_that_leave_each_other_out_are_of_the_whole(tmp_path: Path) -> None:
    root = a_pes(2)
    content = canonical(root)
    for name in ("s1", "s2"):
        sign(root, [Part("", content, (XPATH, EXCLUSIVE))], Manner(identifier=name))

    found = results(tmp_path, flow(root))

    assert {(each.whole, each.covers) for each in found} == {
        (True, ("the whole document, other signatures left out",))
    }
    assert told(tmp_path, flow(root)) == []


def with_evidence(content: bytes) -> bytes:
    """Return a PDF with what long-term validation needs (PAdES-B-LT)."""
    out = io.BytesIO(content)
    lists = [crl.CertificateList.load(pki.crl_der(each)) for each in (pki.root(), pki.authority())]
    authority = asn1(pki.authority().certificate)
    DocumentSecurityStore.add_dss(output_stream=out, sig_contents=None, certs=[authority], crls=lists)
    return out.getvalue()


def with_visible_field(content: bytes) -> bytes:
    """Return a PDF with a field to be signed, of a size: what it shows is drawn over what was signed."""
    writer = IncrementalPdfFileWriter(io.BytesIO(content))
    append_signature_field(writer, SigFieldSpec("Cachet", box=(10, 10, 90, 90)))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def signed() -> bytes:
    return sign_pdf(a_pdf())


PDFS: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    "time-stamp": (lambda: stamp_pdf(signed(), STAMPED), []),
    "B-LTA": (lambda: stamp_pdf(with_evidence(signed()), STAMPED), []),
    "B-LTA, signed twice": (lambda: stamp_pdf(with_evidence(sign_pdf(signed(), field="S2")), STAMPED), []),
    "B-LTA, renewed": (lambda: stamp_pdf(with_evidence(stamp_pdf(with_evidence(signed()), STAMPED)), STAMPED), []),
    "evidence, not stamped": (lambda: with_evidence(signed()), ["SIGNATURE_PARTIAL"]),
    "evidence behind the stamp": (
        lambda: with_evidence(stamp_pdf(with_evidence(signed()), STAMPED)),
        ["SIGNATURE_PARTIAL"],
    ),
    "bytes behind the stamp": (lambda: stamp_pdf(signed(), STAMPED) + b"\nmore\n", ["SIGNATURE_PARTIAL"]),
    "change under the stamp": (lambda: stamp_pdf(add_revision(signed()), STAMPED), ["SIGNATURE_PARTIAL"]),
    "not what was signed": (
        lambda: stamp_pdf(signed().replace(b"/MediaBox", b"/MediaBux"), STAMPED),
        ["SIGNATURE_INVALID", "SIGNATURE_PARTIAL"],
    ),
    "visible field under the stamp": (
        lambda: stamp_pdf(with_visible_field(with_evidence(signed())), STAMPED),
        ["SIGNATURE_PARTIAL"],
    ),
}


@pytest.mark.parametrize("kind", PDFS)
def test_evidence_under_a_time_stamp_of_the_whole_file_is_no_change(tmp_path: Path, kind: str) -> None:
    made, expected = PDFS[kind]

    findings = told(tmp_path, AFile("Content/acte.pdf", made()), required=False)

    assert [each.code for each in findings] == expected


def test_revisions_are_compared_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = AFile("Content/acte.pdf", stamp_pdf(signed(), STAMPED))
    assert told(tmp_path, file, required=False) == []

    monkeypatch.setattr(pades, "_MOST_REVISIONS", 1)

    assert [each.code for each in told(tmp_path, file, required=False)] == ["SIGNATURE_PARTIAL"]
