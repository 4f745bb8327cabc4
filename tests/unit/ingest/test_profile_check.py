"""A manifest judged by a profile: each error with its place, up to a bound; limits; profiles that compile no more."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from services.ingest.domain.errors import UnusableProfile
from services.ingest.domain.findings import Finding
from services.ingest.domain.limits import Limits
from services.ingest.domain.profile import ProfileReference
from services.ingest.pipeline.profile_check import ProfileOrder, check_profile
from shared.checksums import sha512_of
from shared.profiles.kinds import Kind
from tests.builders.profiles import relaxng, transfer, xsd, zipped
from tests.builders.sips import AFile, ASip, AUnit, a_manifest

ONE = ASip(files=(AFile("titre.pdf"),), units=(AUnit("Titre", files=(0,)),))


def units(count: int) -> ASip:
    return ASip(files=(AFile("titre.pdf"),), units=tuple(AUnit("Titre", files=(0,)) for _ in range(count)))


def an_order(
    folder: Path, profile: str | bytes, kind: Kind, manifest: bytes, entry: str | None = None
) -> ProfileOrder:
    content = profile.encode() if isinstance(profile, str) else profile
    (folder / "manifest.xml").write_bytes(manifest)
    (folder / "profile").write_bytes(content)
    known = (uuid4(), uuid4(), "PES", 3, kind, sha512_of(content), len(content))
    reference = ProfileReference(*known, seda_versions=("2.1",), entry=entry)
    return ProfileOrder(folder / "manifest.xml", "bordereau.xml", "2.1", reference, folder / "profile", Limits())


def judged(folder: Path, profile: str, kind: Kind, sip: ASip) -> list[Finding]:
    return check_profile(an_order(folder, profile, kind, a_manifest(sip)))


BOTH = pytest.mark.parametrize("kind", [Kind.XSD_1_0, Kind.XSD_1_1])


@BOTH
def test_errors_beyond_the_first_fifty_are_counted(tmp_path: Path, kind: Kind) -> None:
    findings = judged(tmp_path, transfer(units="unbounded", required="code"), kind, units(70))

    assert [each.code for each in findings] == ["PROFILE_INVALID"] * 50 + ["PROFILE_INVALID_MORE"]
    assert findings[-1].params == {"profile": "PES", "version": "3", "more": "20"}


@BOTH
def test_of_very_many_errors_it_is_told_that_there_are_at_least_so_many(tmp_path: Path, kind: Kind) -> None:
    findings = judged(tmp_path, transfer(units="unbounded", required="code"), kind, units(600))

    assert findings[-1].params["more"] == "450+"


@BOTH
def test_an_error_has_the_line_and_the_path_of_its_element(tmp_path: Path, kind: Kind) -> None:
    manifest = a_manifest(units(2))
    lines = [number for number, line in enumerate(manifest.splitlines(), 1) if b"<ArchiveUnit" in line]

    findings = check_profile(an_order(tmp_path, transfer(units="2", required="code"), kind, manifest))

    assert [each.place for each in findings] == [f"bordereau.xml:{line}" for line in lines]
    unit = "/ArchiveTransfer/DataObjectPackage/DescriptiveMetadata/ArchiveUnit"
    assert findings[1].params["path"] == f"{unit}[2]"
    assert "code" in findings[0].params["reason"]


def test_what_libxml2_says_of_a_fault_and_all_around_it_is_told_once(tmp_path: Path) -> None:
    findings = judged(tmp_path, relaxng(level="File"), Kind.RELAXNG, ONE)

    assert len({each.params["path"] for each in findings}) == len(findings) == 1
    assert findings[0].params["path"].endswith("/ArchiveUnit/Content/DescriptionLevel")


def test_a_manifest_judged_twice_is_told_the_same(tmp_path: Path) -> None:
    order = an_order(tmp_path, relaxng(level="File"), Kind.RELAXNG, a_manifest(ONE))

    assert check_profile(order) == check_profile(order)
    order.manifest.write_bytes(a_manifest(replace(ONE, units=(AUnit("Titre", "File", files=(0,)),))))
    assert check_profile(order) == []


def test_lines_beyond_65535_are_told(tmp_path: Path) -> None:
    manifest = a_manifest(ONE).replace(b"<DescriptiveMetadata>", b"\n" * 70_000 + b"<DescriptiveMetadata>")

    (finding,) = check_profile(an_order(tmp_path, relaxng(level="File"), Kind.RELAXNG, manifest))

    assert int(finding.place.partition(":")[2]) > 70_000


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        (Kind.XSD_1_0, "max_manifest_bytes"),
        (Kind.XSD_1_1, "max_profile_xsd11_bytes"),
        (Kind.RELAXNG, "max_profile_bytes"),
    ],
)
def test_each_kind_has_a_limit_of_its_own_and_what_is_just_as_large_is_judged(
    tmp_path: Path, kind: Kind, limit: str
) -> None:
    profile = relaxng() if kind is Kind.RELAXNG else transfer()
    order = an_order(tmp_path, profile, kind, manifest := a_manifest(ONE))

    def judged_within(size: int) -> list[Finding]:
        return check_profile(replace(order, limits=replace(Limits(), **{limit: size})))

    assert judged_within(len(manifest)) == []
    (told,) = judged_within(len(manifest) - 1)
    size = {"size": str(len(manifest)), "limit": str(len(manifest) - 1)}
    assert (told.code, told.params) == (
        "PROFILE_TOO_LARGE",
        {"profile": "PES", "version": "3", "kind": kind.value, **size},
    )


def test_a_profile_of_several_documents_judges(tmp_path: Path) -> None:
    rng = 'xmlns="http://relaxng.org/ns/structure/1.0"'
    content = zipped(
        {"a/b.rng": f'<grammar {rng}><include href="../c.rng"/></grammar>', "c.rng": relaxng(level="File")}
    )

    (told,) = check_profile(an_order(tmp_path, content, Kind.RELAXNG, a_manifest(ONE), "a/b.rng"))

    assert told.code == "PROFILE_INVALID"


def test_what_a_manifest_says_of_schemas_is_not_heard(tmp_path: Path) -> None:
    location = b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x file:///etc/passwd" '
    manifest = a_manifest(ONE).replace(b"<ArchiveTransfer ", b"<ArchiveTransfer " + location)

    for kind in (Kind.XSD_1_0, Kind.XSD_1_1):
        assert check_profile(an_order(tmp_path, transfer(), kind, manifest)) == []


@pytest.mark.parametrize("kind", list(Kind))
def test_a_profile_that_cannot_be_compiled_says_nothing_of_the_deposit(tmp_path: Path, kind: Kind) -> None:
    with pytest.raises(UnusableProfile, match="PES version 3: profile_"):
        check_profile(an_order(tmp_path, "<a/>", kind, a_manifest(ONE)))


def test_a_child_that_should_not_be_there_is_told_where_it_stands(tmp_path: Path) -> None:
    manifest = a_manifest(ONE)
    line = next(
        number for number, each in enumerate(manifest.splitlines(), 1) if each.startswith(b"<ArchivalAgency>")
    )
    profile = transfer().replace('name="ArchivalAgency"', 'name="Commune"')

    for kind in (Kind.XSD_1_0, Kind.XSD_1_1):
        (told,) = check_profile(an_order(tmp_path, profile, kind, manifest))

        assert (told.place, told.params["path"]) == (f"bordereau.xml:{line}", "/ArchiveTransfer/ArchivalAgency")


def test_an_assertion_that_is_not_met_is_told_as_it_is_written(tmp_path: Path) -> None:
    (told,) = judged(tmp_path, transfer(assertion="count(.//ArchiveUnit) eq 7"), Kind.XSD_1_1, ONE)

    assert told.params["reason"] == "assertion test is false (count(.//ArchiveUnit) eq 7)"
    assert told.params["reason_fr"] == "l’assertion n’est pas vérifiée (count(.//ArchiveUnit) eq 7)"


ELSE = {
    Kind.XSD_1_0: xsd('<xs:element name="Autre" type="xs:string"/>'),
    Kind.XSD_1_1: xsd('<xs:element name="Autre" type="xs:string"/>'),
    Kind.RELAXNG: relaxng().replace('name="ArchiveTransfer"', 'name="Autre"'),
}


@pytest.mark.parametrize("kind", list(Kind))
def test_a_profile_of_other_documents_refuses_a_transfer_at_its_root(tmp_path: Path, kind: Kind) -> None:
    told = judged(tmp_path, ELSE[kind], kind, ONE)

    assert {each.code for each in told} == {"PROFILE_INVALID"}
    assert told[0].params["path"] == "/ArchiveTransfer"
