"""Signatures made to fool, to hang or to fill: each ends soon, as no valid one, and nothing gets through raw."""

import base64
import errno
import json
import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

from services.ingest.domain.limits import Limits
from services.ingest.domain.records import findings_to_json
from services.ingest.domain.signature_records import report_to_json
from services.ingest.pipeline.signatures import examine
from tests.builders import pki
from tests.builders.pki import Holder
from tests.builders.signed_cms import openssl
from tests.builders.signed_pdfs import a_pdf, sign_pdf
from tests.builders.signed_xml import (
    DS,
    ENVELOPED,
    EXCLUSIVE,
    INCLUSIVE,
    Manner,
    Part,
    a_pes,
    canonical,
    document,
    enveloped,
    sign,
)
from tests.builders.sips import AFile
from tests.unit.ingest.signing import judged, results, said


def xml(content: bytes) -> AFile:
    return AFile("Content/flux.xml", content)


def with_certificates(holders: list[bytes]) -> bytes:
    """Return a signed document that holds these certificates besides its signer's."""
    root = a_pes()
    signature = sign(root, [Part("", canonical(root))], Manner(by=replace(LOST, above=())))
    data = signature.find(f".//{{{DS}}}X509Data")
    assert data is not None
    for each in holders:
        etree.SubElement(data, f"{{{DS}}}X509Certificate").text = base64.b64encode(each).decode()
    return document(root)


LOST = pki.issue(pki.Wanted("Perdu"), pki.root("Labyrinthe"))


def a_maze(count: int) -> Iterator[bytes]:
    """Yield certificates of one name by one name, of as many keys: each may have issued each."""
    name = pki.root("Labyrinthe").certificate.subject
    signing = ec.generate_private_key(ec.SECP256R1())
    for number in range(count):
        key = ec.generate_private_key(ec.SECP256R1())
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        dated = builder.serial_number(number + 1).not_valid_before(pki.FOUNDED).not_valid_after(pki.CLOSES)
        authority = dated.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        yield authority.sign(signing, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(("count", "rule"), [(40, "too_many"), (500, "too_many")])
def test_certificates_that_lead_astray_are_not_followed_for_ever(tmp_path: Path, count: int, rule: str) -> None:
    (result,) = results(tmp_path, xml(with_certificates(list(a_maze(count)))))

    assert result.fault is not None
    assert (said(result).split()[0], result.fault.rule) == ("indeterminate", rule)


@pytest.mark.parametrize(("bits", "exponent"), [(2048, 2**1999 + 1), (16384, 65537)], ids=["exponent", "modulus"])
def test_a_key_that_takes_for_ever_is_not_used(tmp_path: Path, bits: int, exponent: int) -> None:
    modulus = secrets.randbits(bits) | 1 | (1 << (bits - 1))
    key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Lent")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(pki.authority().certificate.subject)
    dated = builder.public_key(key).serial_number(7).not_valid_before(pki.FOUNDED).not_valid_after(pki.CLOSES)
    certificate = dated.sign(pki.authority().key, hashes.SHA256())

    content = enveloped(a_pes(), Manner(xades=None)).replace(
        base64.b64encode(pki.signer().der), base64.b64encode(pki.der_of(certificate))
    )
    (result,) = results(tmp_path, xml(content))

    assert said(result) == "indeterminate GENERIC unsupported"


def test_a_document_is_not_read_without_end_for_its_references(tmp_path: Path) -> None:
    root = a_pes()
    large = etree.SubElement(root, "Annexe")
    large.text = "x" * 2_000_000
    part = Part("", canonical(root))
    sign(root, [part] * 150)

    (result,) = results(tmp_path, xml(document(root)))

    assert result.fault is not None
    assert (result.fault.rule, result.fault.details["limit"]) == ("too_many", "64")


def test_more_references_than_anybody_makes_are_not_looked_at(tmp_path: Path) -> None:
    root = a_pes()
    sign(root, [Part("#b0", b"")] * 1000)

    assert said(results(tmp_path, xml(document(root)))[0]) == "invalid FORMAT_FAILURE unreadable"


def test_what_cannot_be_written_down_is_not(tmp_path: Path) -> None:
    odd = issued_to("Nul\x00 et\u2028saut")
    found = judged(tmp_path, xml(enveloped(a_pes(), Manner(by=odd))))

    (finding,) = found.findings
    assert found.inventory is not None
    assert found.inventory.signatures is not None
    for told in (findings_to_json([finding]), report_to_json(found.inventory.signatures)):
        written = json.dumps(told, ensure_ascii=False)
        assert "\\u0000" not in written
        assert "\u2028" not in written
        assert "Nul\ufffd" in written


def issued_to(name: str) -> Holder:
    return pki.issue(pki.Wanted(name), pki.root("Autre racine"))


SAMPLES = {
    "acte.pdf": lambda _: sign_pdf(a_pdf()),
    "flux.xml": lambda _: enveloped(a_pes()),
    "acte.p7m": lambda folder: openssl(folder / "made", b"acte", "-nodetach"),
}


def spoiled(good: bytes, places: Sequence[int], chance: random.Random) -> bytes:
    """Return bytes with one bit changed, at one of these places."""
    content = bytearray(good)
    content[chance.choice(places)] ^= 1 << chance.randrange(7)
    return bytes(content)


@pytest.mark.parametrize("name", SAMPLES)
def test_bits_changed_by_chance_raise_nothing_that_cannot_be_written_down(tmp_path: Path, name: str) -> None:
    chance = random.Random(name)  # noqa: S311 (no secret: the same changes in every run)
    good = SAMPLES[name](tmp_path)  # type: ignore[no-untyped-call] # lambdas
    for number in range(30):
        folder = tmp_path / str(number)
        folder.mkdir()
        content = spoiled(spoiled(good, range(len(good)), chance), range(len(good)), chance)

        found = judged(folder, AFile(f"Content/{name}", content), now=datetime.now(UTC))

        assert found.inventory is not None
        assert found.inventory.signatures is not None
        assert json.dumps(report_to_json(found.inventory.signatures), ensure_ascii=False).encode()


def a_signed_flow() -> tuple[bytes, Sequence[int]]:
    # Exclusive canonical XML leaves out namespaces that nothing uses; this one signs them too.
    root = a_pes()
    sign(root, [Part("", canonical(root, INCLUSIVE), (ENVELOPED, INCLUSIVE))])
    good = document(root)
    return good, range(good.index(b"<n:PES"), good.index(b"<ds:Signature "))


def a_signed_pdf() -> tuple[bytes, Sequence[int]]:
    good = sign_pdf(a_pdf())
    begin = good.index(b"/Contents <")
    end = good.index(b">", begin) + 1
    return good, [*range(begin), *range(end, len(good))]


@pytest.mark.parametrize(("name", "sample"), [("flux.xml", a_signed_flow), ("acte.pdf", a_signed_pdf)])
def test_no_bit_of_what_is_signed_is_changed_unseen(
    tmp_path: Path, name: str, sample: Callable[[], tuple[bytes, Sequence[int]]]
) -> None:
    good, places = sample()
    chance = random.Random(7)  # noqa: S311 (as above)
    for number in range(30):
        folder = tmp_path / str(number)
        folder.mkdir()

        told = results(folder, AFile(f"Content/{name}", spoiled(good, places, chance)))

        assert all(said(each) != "valid" for each in told)


def test_a_file_that_only_looks_like_one_costs_what_its_size_does(tmp_path: Path) -> None:
    content = b"%PDF-1.7\n" + b"/ByteRange " * 200_000

    (result,) = results(tmp_path, AFile("Content/acte.pdf", content), limits=Limits(max_signed_bytes=4 * 1024**2))

    assert said(result) == "invalid FORMAT_FAILURE unreadable"


def test_an_element_of_one_signature_is_not_taken_for_that_of_another(tmp_path: Path) -> None:
    root = a_pes()
    first = sign(root, [Part("#b0", canonical(root.find(".//Bordereau")), (EXCLUSIVE,))])  # type: ignore[arg-type]
    second = sign(root, [Part("#b0", canonical(root.find(".//Bordereau")), (EXCLUSIVE,))], Manner(identifier="s2"))  # type: ignore[arg-type]
    value = second.find(f"{{{DS}}}SignatureValue")
    other = first.find(f"{{{DS}}}SignatureValue")
    assert value is not None
    assert other is not None
    value.text = other.text

    one, two = results(tmp_path, xml(document(root)))

    assert (said(one), said(two)) == ("valid", "invalid SIG_CRYPTO_FAILURE value")


def test_a_judgement_that_breaks_down_leaves_what_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise ArithmeticError

    monkeypatch.setattr(examine, "judge_reading", breaks)

    (result,) = results(tmp_path, xml(enveloped(a_pes())))

    assert said(result) == "indeterminate GENERIC unreadable"
    assert (result.certificate is not None, result.whole) == (True, True)


def test_a_disk_that_is_full_is_no_fault_of_a_signature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(examine, "read_xml", breaks)

    with pytest.raises(OSError, match="full"):
        results(tmp_path, xml(enveloped(a_pes())))
