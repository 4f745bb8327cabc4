"""XML signatures: enveloped and detached, of a whole PES or of its parts, and the ways to be fooled by one."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from tests.builders import pki
from tests.builders.signed_xml import (
    DS,
    ENVELOPED,
    EXCLUSIVE,
    INCLUSIVE,
    XADES_1_1_1,
    XPATH,
    Manner,
    Part,
    a_pes,
    by_signxml,
    canonical,
    detached,
    document,
    enveloped,
    sign,
)
from tests.builders.sips import AFile
from tests.unit.ingest.signing import results, said

EXPIRED = pki.Wanted("Ancien maire", until=datetime(2025, 1, 1, tzinfo=UTC))
LATER = pki.Wanted("Prochain maire", since=datetime(2026, 6, 1, tzinfo=UTC))


def pes(content: bytes) -> AFile:
    return AFile("Content/PESALR2.xml", content)


@pytest.mark.parametrize("manner", [Manner(), Manner(xades=XADES_1_1_1), Manner(form=INCLUSIVE)])
def test_a_signature_of_a_whole_pes_is_valid_in_each_version(tmp_path: Path, manner: Manner) -> None:
    (result,) = results(tmp_path, pes(enveloped(a_pes(), manner)))

    assert said(result) == "valid"
    assert (result.form, result.covers, result.whole) == ("XAdES", ("the whole document",), True)
    assert (result.claimed_at, result.moment_is) == ("2026-03-01T12:00:00.000Z", "claimed")
    assert result.algorithms == ("SHA-256", "EC 256")


def test_what_another_software_signed_is_valid(tmp_path: Path) -> None:
    content = by_signxml(a_pes(), pki.signer("2048"))

    (result,) = results(tmp_path, pes(content), now=datetime.now(UTC))

    assert (said(result), result.form, result.whole) == ("valid", "XAdES", True)


@pytest.mark.parametrize("form", [EXCLUSIVE, INCLUSIVE])
def test_each_signature_of_a_pes_says_which_bordereau_it_covers(tmp_path: Path, form: str) -> None:
    root = a_pes(3)
    for number, bordereau in enumerate(list(root.iter("Bordereau"))):
        part = Part(f"#b{number}", canonical(bordereau, form), (ENVELOPED, form))
        sign(bordereau, [part], Manner(identifier=f"s{number}", form=form))
    altered = document(root).replace(b'<IdBord V="1"/>', b'<IdBord V="9"/>')

    found = results(tmp_path, pes(altered))

    assert [(each.name, each.covers, said(each)) for each in found] == [
        ("s0", ("Bordereau b0",), "valid"),
        ("s1", (), "invalid HASH_FAILURE digest"),
        ("s2", ("Bordereau b2",), "valid"),
    ]
    assert found[1].fault is not None
    assert found[1].fault.details == {"what": "Bordereau b1"}


def test_a_signature_of_all_but_signatures_survives_another_beside_it(tmp_path: Path) -> None:
    root = a_pes(2)
    content = canonical(root)
    for number in (1, 2):
        sign(root, [Part("", content, (XPATH, EXCLUSIVE))], Manner(identifier=f"s{number}"))

    found = results(tmp_path, pes(document(root)))

    assert [(each.name, said(each), each.whole) for each in found] == [("s1", "valid", True), ("s2", "valid", True)]


def test_a_detached_signature_is_of_the_file_it_names(tmp_path: Path) -> None:
    content = b"d\xe9lib\xe9ration " * 1000
    files = (AFile("Content/acte.txt", content), AFile("Content/signature.xml", detached("acte.txt", content)))

    (result,) = results(tmp_path, *files)
    (changed,) = results(tmp_path, AFile("Content/acte.txt", content + b"!"), files[1])

    assert (said(result), result.covers, result.documents) == ("valid", ("Content/acte.txt",), ("Content/acte.txt",))
    assert said(changed) == "invalid HASH_FAILURE digest"


def test_a_detached_signature_of_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    (result,) = results(tmp_path, AFile("Content/signature.xml", detached("acte.txt", b"acte")))

    assert said(result) == "indeterminate SIGNED_DATA_NOT_FOUND not_found"


@pytest.mark.parametrize(
    ("manner", "expected"),
    [
        (lambda: Manner(by=pki.issue(EXPIRED, pki.authority())), "invalid EXPIRED expired"),
        (lambda: Manner(by=pki.issue(LATER, pki.authority())), "invalid NOT_YET_VALID not_yet_valid"),
        (lambda: Manner(at=datetime(2027, 1, 1, tzinfo=UTC)), "indeterminate SIG_CONSTRAINTS_FAILURE future"),
        (
            lambda: Manner(by=pki.issue(pki.Wanted("Inconnue"), pki.root("Autre racine"))),
            "indeterminate NO_CERTIFICATE_CHAIN_FOUND no_chain",
        ),
        (lambda: Manner(by=pki.signer("1024")), "indeterminate CRYPTO_CONSTRAINTS_FAILURE_NO_POE weak"),
        (lambda: Manner(digest="sha1"), "indeterminate CRYPTO_CONSTRAINTS_FAILURE_NO_POE weak"),
        (
            lambda: Manner(holds_certificate=False),
            "indeterminate NO_SIGNING_CERTIFICATE_FOUND no_certificate",
        ),
        (
            lambda: Manner(by=pki.issue(pki.Wanted("Chiffrement", usage="encrypts"), pki.authority())),
            "indeterminate CHAIN_CONSTRAINTS_FAILURE key_usage",
        ),
    ],
    ids=[
        "expired",
        "early",
        "future",
        "untrusted",
        "short key",
        "sha-1",
        "no certificate",
        "other usage",
    ],
)
def test_each_rule_is_named_that_a_certificate_breaks(
    tmp_path: Path, manner: Callable[[], Manner], expected: str
) -> None:
    (result,) = results(tmp_path, pes(enveloped(a_pes(), manner())))

    assert said(result) == expected


def test_certificates_may_stand_in_any_order(tmp_path: Path) -> None:
    root = a_pes()
    signature = sign(root, [Part("", canonical(root))], Manner(xades=None))
    data = signature.find(f".//{{{DS}}}X509Data")
    assert data is not None
    data[:] = reversed(data)

    (result,) = results(tmp_path, pes(document(root)))

    assert said(result) == "valid"
    assert result.certificate is not None
    assert "Anne Maire" in result.certificate.subject


def test_a_signature_that_is_spoiled_hides_no_other(tmp_path: Path) -> None:
    root = a_pes(2)
    for number, bordereau in enumerate(list(root.iter("Bordereau"))):
        sign(
            bordereau,
            [Part(f"#b{number}", canonical(bordereau), (ENVELOPED, EXCLUSIVE))],
            Manner(identifier=f"s{number}"),
        )
    certificate = root.find(f".//{{{DS}}}X509Certificate")
    assert certificate is not None
    certificate.text = base64.b64encode(b"\x30\x03\x02\x01\x01").decode()

    assert [said(each).split()[0] for each in results(tmp_path, pes(document(root)))][1:] == ["valid"]


def test_a_certificate_that_is_an_anchor_itself_is_trusted(tmp_path: Path) -> None:
    trust = pki.trust_folder(tmp_path / "trust", trusted=pki.signer())

    assert said(results(tmp_path, pes(enveloped(a_pes())), trust=trust)[0]) == "valid"


def test_a_revoked_certificate_and_one_of_which_nothing_is_known_are_told_apart(tmp_path: Path) -> None:
    content = pes(enveloped(a_pes()))
    before, after = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)

    def judged(name: str, *revoked: datetime, lists: bool = True) -> str:
        trust = pki.trust_folder(tmp_path / name, [(pki.signer(), when) for when in revoked], lists=lists)
        return said(results(tmp_path, content, trust=trust)[0])

    assert judged("before", before) == "invalid REVOKED revoked"
    assert judged("after", after) == "indeterminate REVOKED_NO_POE revoked_since"
    assert judged("none", lists=False) == "indeterminate TRY_LATER revocation_unknown"


def test_without_signed_properties_no_time_is_believed(tmp_path: Path) -> None:
    root = a_pes()
    signature = sign(root, [Part("", canonical(root))], Manner(xades=None))
    other = sign(a_pes(), [], Manner(identifier="x"))
    signature.append(part_of(other, "Object"))

    (result,) = results(tmp_path, pes(document(root)))

    assert (said(result), result.claimed_at, result.moment_is) == ("valid", None, "validation")


def test_a_comment_does_not_cut_the_claimed_time_short(tmp_path: Path) -> None:
    # It is not signed: whoever has the file may put it there.
    content = enveloped(a_pes()).replace(b"2026-03-01T12:00:00Z", b"2026-03-01<!-- -->T12:00:00Z")

    (result,) = results(tmp_path, pes(content))

    assert (said(result), result.claimed_at) == ("valid", "2026-03-01T12:00:00.000Z")


def part_of(signature: etree._Element, name: str) -> etree._Element:
    part = signature.find(f"{{{DS}}}{name}")
    assert part is not None
    return part


def moved(root: etree._Element) -> bytes:
    """Wrap what was signed, and put something else in its place."""
    bordereau = root.find(".//Bordereau")
    assert bordereau is not None
    sign(root, [Part("#b0", canonical(bordereau), (EXCLUSIVE,))])
    twin = etree.fromstring(etree.tostring(bordereau).replace(b'V="0"', b'V="9"'))
    parent = bordereau.getparent()
    assert parent is not None
    parent.insert(0, twin)
    return document(root)


def twice_signed_info(root: etree._Element) -> bytes:
    signature = sign(root, [Part("", canonical(root))])
    other = sign(a_pes(), [Part("", b"anything")], Manner(xades=None))
    signature.insert(1, part_of(other, "SignedInfo"))
    return document(root)


def commented_digest(root: etree._Element) -> bytes:
    sign(root, [Part("", canonical(root))])
    value = root.find(f".//{{{DS}}}DigestValue")
    assert value is not None
    assert value.text is not None
    value.text, tail = value.text[:4], value.text[4:]
    comment = etree.Comment("x")
    comment.tail = tail
    value.append(comment)
    return document(root)


def of_nothing(root: etree._Element) -> bytes:
    sign(root, [])
    return document(root)


def with_another_certificate(root: etree._Element) -> bytes:
    signature = sign(root, [Part("", canonical(root))])
    held = signature.find(f".//{{{DS}}}X509Certificate")
    assert held is not None
    held.text = base64.b64encode(pki.issue(pki.Wanted("Autre"), pki.root()).der).decode()
    return document(root)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (moved, "invalid FORMAT_FAILURE ambiguous"),
        (twice_signed_info, "invalid FORMAT_FAILURE unreadable"),
        (commented_digest, "invalid FORMAT_FAILURE unreadable"),
        (of_nothing, "indeterminate SIG_CONSTRAINTS_FAILURE covers_nothing"),
        (with_another_certificate, "indeterminate NO_SIGNING_CERTIFICATE_FOUND other_certificate"),
    ],
)
def test_what_is_verified_is_what_is_reported_or_nothing_is(
    tmp_path: Path, made: Callable[[etree._Element], bytes], expected: str
) -> None:
    (result,) = results(tmp_path, pes(made(a_pes())))

    assert said(result) == expected


def test_a_value_that_was_changed_and_a_signature_that_is_cut_short_are_not_valid(tmp_path: Path) -> None:
    content = enveloped(a_pes())
    begin = content.index(b"<ds:SignatureValue>") + len(b"<ds:SignatureValue>")
    changed = content[:begin] + (b"B" if content[begin : begin + 1] == b"A" else b"A") + content[begin + 1 :]

    assert said(results(tmp_path, pes(changed))[0]) == "invalid SIG_CRYPTO_FAILURE value"
    assert said(results(tmp_path, pes(content[:-20]))[0]) == "invalid FORMAT_FAILURE unreadable"


def test_xml_that_only_names_signatures_has_none(tmp_path: Path) -> None:
    assert results(tmp_path, pes(document(a_pes()))) == []


LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 12))
HOSTILE = {
    "laughs": b'<!DOCTYPE a [<!ENTITY l0 "ha">'
    + LAUGHS
    + b']><a xmlns:ds="'
    + DS.encode()
    + b'" b="&l11;">&l11;</a>',
    "outside": b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a xmlns="' + DS.encode() + b'">&e;</a>',
    "deep": b"<a xmlns='" + DS.encode() + b"'>" + b"<b>" * 100_000,
    "many": b"<a xmlns='" + DS.encode() + b"'>" + b"<Signature/>" * 5000 + b"</a>",
    "empty": b"<Signature xmlns='" + DS.encode() + b"'/>",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_xml_is_told_of_and_harms_nobody(tmp_path: Path, kind: str) -> None:
    found = results(tmp_path, pes(HOSTILE[kind]))

    assert len(found) == 1
    assert found[0].fault is not None
    assert found[0].fault.rule in {"unreadable", "unsupported", "too_many", "no_certificate"}


def test_a_text_beyond_what_is_read_makes_no_signature_invalid(tmp_path: Path) -> None:
    root = a_pes()
    etree.SubElement(root, "PJ").text = "A" * 11_000_000

    (result,) = results(tmp_path, pes(enveloped(root)))

    assert said(result) == "indeterminate GENERIC unsupported"


@pytest.mark.parametrize("algorithm", ["http://www.w3.org/TR/1999/REC-xslt-19991116", XPATH, "urn:unknown"])
def test_a_transform_that_could_do_anything_is_not_run(tmp_path: Path, algorithm: str) -> None:
    root = a_pes()
    sign(root, [Part("", canonical(root), (algorithm, EXCLUSIVE), "count(//*[count(//*) > 1]) > 1")])

    (result,) = results(tmp_path, pes(document(root)))

    assert said(result) == "indeterminate GENERIC unsupported"
