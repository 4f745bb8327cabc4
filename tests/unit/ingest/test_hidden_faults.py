"""Faults of the schema that stand behind others are told with them, each once, and none that is not there."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.ingest.domain.findings import Finding
from services.ingest.domain.limits import Limits
from services.ingest.grammars import NAMESPACES, SCHEMAS
from services.ingest.pipeline import schema
from services.ingest.pipeline.explaining.explain import explain
from services.ingest.pipeline.lenient.grammar import load_lenient
from services.ingest.pipeline.manifest import hidden
from services.ingest.pipeline.manifest.reader import read_manifest
from tests.builders.sip_manifests import ASip, AUnit, a_manifest
from tests.corpus_location import official_xsd_dir

NO_CODE_LISTS = ("<CodeListVersions>.*?</CodeListVersions>", "")
BAD_LEVEL = (">File<", ">Étage<")
BAD_DATE = ("<StartDate>2020-01-01<", "<StartDate>le 2 mai<")
BAD_SIZE = ("<Size>(?=[0-9]+</Size>(?!.*<Size>))", "<Size>-")
LEVEL, DATE, SIZE = "DescriptionLevel", "StartDate", "Size"

# What is done to a manifest → the elements that are told of, in their order.
TOGETHER = {
    "a header lacks an element": ((NO_CODE_LISTS, BAD_LEVEL, BAD_SIZE), ["DataObjectPackage", SIZE, LEVEL]),
    "two elements of the header lack": (
        (("<MessageIdentifier>.*?</CodeListVersions>", ""), BAD_DATE),
        ["DataObjectPackage", DATE],
    ),
    "two elements of the header are swapped": (
        (("(<Date>.*?</Date>)(.*?)(<MessageIdentifier>.*?</MessageIdentifier>)", r"\3\2\1"), BAD_DATE),
        ["MessageIdentifier", DATE],
    ),
    "an unknown element at the root": ((("<DataObjectPackage>", "<Inconnu/><DataObjectPackage>"), BAD_DATE),
        ["Inconnu", DATE],
    ),
    "an unknown element in a unit, and its later sibling": (
        (("(?<=</Content>)(?=.*Deux)", "<Inconnu>x</Inconnu>"), BAD_LEVEL, BAD_DATE),
        ["Inconnu", LEVEL, DATE],
    ),
    "an unknown element before the units": ((("<DescriptiveMetadata>", r"\g<0><Inconnu/>"), BAD_LEVEL),
        ["Inconnu", LEVEL],
    ),
    "a misspelt element, and one that follows it": (
        (("<Title>Deux</Title>", "<Titre>Deux</Titre>"), BAD_DATE),
        ["Titre", DATE],
    ),
    "strays in strays": (
        (NO_CODE_LISTS, ("<DescriptiveMetadata>", r"\g<0><a><Content><StartDate>x</StartDate></Content></a>"),
         BAD_LEVEL),
        ["DataObjectPackage", "a", LEVEL],
    ),
    "what lacks in a frame that is hidden": (
        (NO_CODE_LISTS, ("<ManagementMetadata", "<ArchiveUnit id='x'/><ManagementMetadata")),
        ["DataObjectPackage", "ArchiveUnit"],
    ),
    "an unknown element in an object, and a fault that follows it": (
        (("<Uri>", r"<Inconnu/>\g<0>"), BAD_SIZE),
        ["Inconnu", SIZE],
    ),
    "an absent attribute, and one too many": (
        (NO_CODE_LISTS, ('<MessageDigest algorithm="[^"]*"', "<MessageDigest"), ("<Title>", "<Title x='y'>")),
        ["DataObjectPackage", "MessageDigest", "Title"],
    ),
}  # fmt: skip


def valid(version: str) -> str:
    units = (AUnit("Un"), AUnit("Deux", "File", start_date="2020-01-01"))
    return a_manifest(replace(ASip(version=version), units=units)).decode()


def spoilt(manifest: str, *changes: tuple[str, str]) -> str:
    for said, instead in changes:
        changed = re.sub(said, instead, manifest, count=1, flags=re.DOTALL)
        assert changed != manifest, said
        manifest = changed
    return manifest


def told(folder: Path, manifest: str, limits: Limits | None = None) -> list[Finding]:
    path = folder / "manifest.xml"
    path.write_text(manifest, encoding="utf-8")
    reading = read_manifest(path, "manifest.xml", limits or Limits())
    return [suspect.finding for suspect in reading.suspects]


def names(findings: list[Finding]) -> list[str]:
    return [finding.params["path"].rpartition("/")[2].partition("[")[0] for finding in findings]


def line_of(finding: Finding) -> int:
    return int(re.findall(r":(\d+)", finding.place)[0])


@pytest.fixture
def judged_by(request: pytest.FixtureRequest) -> Iterator[None]:
    """Our grammars, or the official ones where they are at hand."""
    schema.use_official(official_xsd_dir() if request.param == "official" else None)
    yield
    schema.use_official(None)


@pytest.mark.parametrize("version", NAMESPACES)
@pytest.mark.parametrize("judged_by", ["ours", "official"], indirect=True)
@pytest.mark.usefixtures("judged_by")
def test_what_hides_behind_a_fault_is_told_with_it(version: str, tmp_path: Path) -> None:
    for case, (changes, expected) in TOGETHER.items():
        manifest = spoilt(valid(version), *changes)

        findings = told(tmp_path, manifest)

        # A value may be wrong in two ways (a facet, then its type): they are one once explained.
        assert [*dict.fromkeys(names(findings))] == expected, case
        lines = manifest.split("\n")
        assert all(name in lines[line_of(each) - 1] for name, each in zip(names(findings), findings, strict=True)), (
            case
        )
        assert sorted(findings, key=line_of) == findings, case


@pytest.mark.parametrize("version", ["2.0", "2.3"])
def test_what_was_hidden_is_explained_as_what_was_not(version: str, tmp_path: Path) -> None:
    path = tmp_path / "manifest.xml"
    alone, behind = spoilt(valid(version), BAD_DATE), spoilt(valid(version), NO_CODE_LISTS, BAD_DATE)
    explained = []
    for manifest in (alone, behind):
        path.write_text(manifest, encoding="utf-8")
        explained.append(explain(read_manifest(path, "m", Limits()).suspects, 60).findings)

    assert explained[0][-1].params == explained[1][-1].params
    assert "le 2 mai" in explained[1][-1].params["found"]


def test_each_of_several_strays_in_one_place_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "manifest.xml"
    strays = ("<Title>Deux</Title>", "<Titre>Deux</Titre><Hologramme/><Titre/>")
    path.write_text(spoilt(valid("2.1"), strays), encoding="utf-8")

    explained = explain(read_manifest(path, "m", Limits()).suspects, 60).findings

    said = [finding.params["reason"] for finding in explained]
    assert said[0] == said[2] == "“Titre” does not exist in “Content”; did you mean “Title”?"
    assert said[1].startswith("“Hologramme” does not exist in “Content”.")


def test_a_manifest_on_one_line_tells_all_the_same(tmp_path: Path) -> None:
    manifest = spoilt(valid("2.2"), NO_CODE_LISTS, BAD_LEVEL, BAD_DATE).replace("\n", "")

    findings = told(tmp_path, manifest)

    assert [*dict.fromkeys(names(findings))] == ["DataObjectPackage", LEVEL, DATE]
    assert all(findings.count(finding) == 1 for finding in findings)


@pytest.mark.parametrize(
    ("changes", "readings"),
    [
        ((), 0),
        ((BAD_LEVEL, BAD_DATE), 0),
        ((("<FileInfo>", "<FileInfo><Inconnu/>"),), 0),  # it hides but what is in FileInfo
        ((("<TransferringAgency>.*?</TransferringAgency>", ""),), 0),  # nothing is behind an end
        ((NO_CODE_LISTS,), 1),
    ],
)
def test_only_what_may_hide_something_is_read_once_more(
    changes: tuple[tuple[str, str], ...], readings: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def noted(version: str) -> object:
        asked.append(version)
        return load_lenient(version)

    monkeypatch.setattr(hidden, "load_lenient", noted)

    told(tmp_path, spoilt(valid("2.1"), *changes))

    assert asked == ["2.1"] * readings


def test_faults_by_the_thousand_behind_one_are_a_few(tmp_path: Path) -> None:
    faults = "<ArchiveUnit/>" * 10_000
    manifest = spoilt(valid("2.1"), NO_CODE_LISTS, ("</DescriptiveMetadata>", f"{faults}</DescriptiveMetadata>"))

    assert names(told(tmp_path, manifest, replace(Limits(), max_schema_errors=7))) == [
        "DataObjectPackage", *["ArchiveUnit"] * 6
    ]  # fmt: skip


@pytest.mark.parametrize(
    "many",
    [
        "<a>" + "<ArchiveUnit/>" * 5_000 + "</a>",
        "".join(f"<a{n}/>" for n in range(5_000)),
        "<Content/><Management/>" * 5_000,
    ],
)
def test_strays_by_the_thousand_are_within_bounds(many: str, tmp_path: Path) -> None:
    manifest = spoilt(valid("2.1"), ("<DescriptiveMetadata>", rf"\g<0>{many}"), BAD_LEVEL)

    assert 1 <= len(told(tmp_path, manifest)) <= Limits().max_schema_errors


def test_a_type_that_is_said_in_the_manifest_makes_no_fault(tmp_path: Path) -> None:
    typed = '<Content xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:type="DescriptiveMetadataContentType">'
    right = spoilt(valid("2.1"), ("<Content>", typed))
    assert told(tmp_path, right) == []

    assert names(told(tmp_path, spoilt(right, NO_CODE_LISTS))) == ["DataObjectPackage"]


@pytest.fixture
def unforeseen(tmp_path: Path) -> Iterator[None]:
    """An operator's grammars that judge well, written in a way which is not understood here."""
    for version in NAMESPACES:
        folder = tmp_path / "xsd" / version
        shutil.copytree(SCHEMAS, folder)
        (folder / f"seda-{version}-main.xsd").write_text(
            f'<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="{NAMESPACES[version]}">'
            f'<redefine schemaLocation="seda-{version}.xsd"/></schema>',
            encoding="utf-8",
        )
    schema.use_official(tmp_path / "xsd")
    yield
    schema.use_official(None)


@pytest.mark.usefixtures("unforeseen")
def test_a_grammar_that_cannot_be_made_lenient_tells_what_is_not_hidden(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert told(tmp_path, valid("2.1")) == []

    for _ in range(2):
        assert names(told(tmp_path, spoilt(valid("2.1"), NO_CODE_LISTS, BAD_DATE))) == ["DataObjectPackage"]

    assert [record.message for record in caplog.records] == [
        "what hides behind a fault of the schema is not looked for"
    ]
