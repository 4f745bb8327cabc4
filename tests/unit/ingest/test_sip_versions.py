"""What only some versions of SEDA say, read into the same records."""

import json
from pathlib import Path

import pytest

from services.ingest.domain.findings import Finding
from services.ingest.domain.instruments import Identification
from services.ingest.domain.limits import Limits
from services.ingest.domain.sip import Manifest, Reference
from services.ingest.pipeline.judge import judge
from services.ingest.pipeline.manifest.reader import read_manifest
from tests.builders.sips import AFile, ASip, AUnit, a_manifest, a_sip, an_agreement, codes

ONE = ASip((AFile("Content/a.pdf"),), (AUnit("Pièce", files=(0,)),))
SIGNING = "<SigningInformation><SigningRole>Signature</SigningRole>{}</SigningInformation>"


def model(folder: Path, version: str, *changes: tuple[str, str]) -> Manifest:
    path = folder / "manifest.xml"
    path.write_bytes(altered(version, *changes))
    found = read_manifest(path, "manifest.xml", Limits())
    assert found.findings == ()
    assert found.manifest is not None
    return found.manifest


def altered(version: str, *changes: tuple[str, str]) -> bytes:
    manifest = a_manifest(ASip(ONE.files, ONE.units, version=version)).decode()
    for good, other in changes:
        assert good in manifest, f"the manifest no longer says {good}"
        manifest = manifest.replace(good, other, 1)
    return manifest.encode()


def described(title: str, restriction: str = "") -> str:
    attributes = f' restrictionValue="{restriction}"' if restriction else ""
    return f"<Content{attributes}><DescriptionLevel>Item</DescriptionLevel><Title>{title}</Title></Content>"


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        (described("Nommée", "nominatif"), "Pièce"),
        (described("Autre"), "Autre"),
        (described("Nommée", "nominatif") + described("Anonyme"), "Anonyme"),
    ],
)
def test_of_several_descriptions_the_first_that_nothing_restricts_is_shown(
    tmp_path: Path, before: str, shown: str
) -> None:
    found = model(tmp_path, "2.0", ("<Content>", f"{before}<Content>"))

    assert [unit.title for unit in found.units] == [shown]
    assert json.loads(found.units[0].content)["Title"] == shown


def test_of_restricted_descriptions_only_the_first_is_shown(tmp_path: Path) -> None:
    first = described("Première", "nominatif")

    found = model(tmp_path, "2.0", ("<Content>", f'{first}<Content restrictionValue="x">'))

    assert [unit.title for unit in found.units] == ["Première"]


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ("<DataObjectUse>BinaryMaster</DataObjectUse><DataObjectNumber>2</DataObjectNumber>", "BinaryMaster_2"),
        ("<DataObjectUse>Dissemination</DataObjectUse>", "Dissemination"),
        ("<DataObjectNumber>2</DataObjectNumber>", None),
        ("<DataObjectVersion>Thumbnail_1</DataObjectVersion><DataObjectUse>autre</DataObjectUse>", "Thumbnail_1"),
    ],
)
def test_the_use_and_number_of_2_3_are_a_usage(tmp_path: Path, said: str, usage: str | None) -> None:
    found = model(tmp_path, "2.3", ("<DataObjectVersion>BinaryMaster_1</DataObjectVersion>", said))

    assert [each.usage for each in found.objects] == [usage]


def test_the_unit_of_a_signed_document_is_a_reference(tmp_path: Path) -> None:
    signing = SIGNING.format("<SignedDocumentReferenceId>unit-1</SignedDocumentReferenceId>")

    found = model(tmp_path, "2.3", ("</Content>", f"{signing}</Content>"))

    [reference] = [each for each in found.references if each.element == "SignedDocumentReferenceId"]
    assert reference == Reference("SignedDocumentReferenceId", "unit-1", "unit-1", reference.line)


@pytest.mark.parametrize(("target", "code"), [("nobody", "REFERENCE_UNKNOWN"), ("obj-0", "REFERENCE_WRONG_KIND")])
def test_a_signed_document_that_is_no_unit_is_an_error(tmp_path: Path, target: str, code: str) -> None:
    signing = SIGNING.format(f"<SignedDocumentReferenceId>{target}</SignedDocumentReferenceId>")
    manifest = altered("2.3", ("</Content>", f"{signing}</Content>"))

    assert codes(judged(tmp_path, ASip(ONE.files, manifest=manifest))) == [code]


def test_a_signed_object_that_is_none_is_an_error(tmp_path: Path) -> None:
    when = "2025-12-12T20:30:00"
    signature = (
        f"<Signature><Signer><Corpname>Mairie</Corpname><SigningTime>{when}</SigningTime></Signer>"
        f"<Validator><Corpname>Mairie</Corpname><ValidationTime>{when}</ValidationTime></Validator><ReferencedObject>"
        '<SignedObjectId>{}</SignedObjectId><SignedObjectDigest algorithm="SHA-512">0a1b</SignedObjectDigest>'
        "</ReferencedObject></Signature>"
    )
    for target, expected in (("obj-0", []), ("unit-1", ["REFERENCE_WRONG_KIND"]), ("x", ["REFERENCE_UNKNOWN"])):
        manifest = altered("2.2", ("</Content>", f"{signature.format(target)}</Content>"))
        assert codes(judged(tmp_path, ASip(ONE.files, manifest=manifest))) == expected


def judged(folder: Path, sip: ASip) -> tuple[Finding, ...]:
    plain = Identification("x-fmt/111", "Plain Text File", "text/plain")
    return judge(a_sip(folder / "sip", sip), an_agreement(), {}, Limits(), lambda _: plain, None).findings
