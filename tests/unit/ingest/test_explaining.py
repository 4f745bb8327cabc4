"""What xmlschema makes of a refusal: where, what stood there, what was expected, in both languages."""

import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from xmlschema import XMLSchemaException

from services.ingest.domain.finding_texts import text
from services.ingest.domain.findings import Finding
from services.ingest.domain.limits import Limits
from services.ingest.domain.suspects import Suspect
from services.ingest.grammars import NAMESPACES, SCHEMAS
from services.ingest.pipeline import schema
from services.ingest.pipeline.explaining import grammar
from services.ingest.pipeline.explaining.explain import explain
from services.ingest.pipeline.manifest import extracts
from services.ingest.pipeline.manifest.reader import read_manifest
from tests.builders.sip_manifests import ASip, AUnit, a_manifest
from tests.corpus_location import official_xsd_dir

CONTENT = "/ArchiveTransfer/DataObjectPackage/DescriptiveMetadata/ArchiveUnit[2]/Content"
OBJECT = "/ArchiveTransfer/DataObjectPackage/BinaryDataObject[1]"
LEVELS = "Fonds, Subfonds, Class, Collection, Series, Subseries, RecordGrp, SubGrp, File, Item"

# A fault → what a manifest says, what it says instead, the path, and what is told in French, in English, as expected.
FAULTS = {
    "a required element is missing": (
        "<CodeListVersions>.*?</CodeListVersions>\n",
        "",
        "/ArchiveTransfer/DataObjectPackage",
        "il manque dans « ArchiveTransfer », avant « DataObjectPackage » : CodeListVersions.",
        "“ArchiveTransfer” lacks CodeListVersions, before “DataObjectPackage”.",
        "CodeListVersions",
    ),
    "the last element is missing": (
        "<TransferringAgency>.*?</TransferringAgency>\n",
        "",
        "/ArchiveTransfer",
        "il manque dans « ArchiveTransfer » : TransferringAgency.",
        "“ArchiveTransfer” lacks TransferringAgency.",
        "TransferringAgency",
    ),
    "an unknown element that looks like another": (
        "<Title>Deux</Title>",
        "<Titre>Deux</Titre>",
        f"{CONTENT}/Titre",
        "« Titre » n’existe pas dans « Content » ; s’agit-il de « Title » ?",
        "“Titre” does not exist in “Content”; did you mean “Title”?",
        "Title",
    ),
    "an unknown element": (
        "<FileInfo>",
        "<Hologramme/><FileInfo>",
        f"{OBJECT}/Hologramme",
        "« Hologramme » n’existe pas dans « BinaryDataObject ». Permis à cette place : ",
        "“Hologramme” does not exist in “BinaryDataObject”. Allowed there: ",
        "FileInfo",
    ),
    "an order that is wrong": (
        "(<StartDate>2020-01-01</StartDate>)\n(<EndDate>.*?</EndDate>)",
        r"\2\1",
        f"{CONTENT}/StartDate",
        "« StartDate » n’est pas à sa place dans « Content » : il doit venir avant « EndDate ».",
        "“StartDate” is out of order in “Content”: it must come before “EndDate”.",
        "“StartDate” before “EndDate”",
    ),
    "a value that is not of the list": (
        "<DescriptionLevel>File<",
        "<DescriptionLevel>Étage<",
        f"{CONTENT}/DescriptionLevel",
        f"« DescriptionLevel » contient « Étage » ; attendu : l’une des valeurs {LEVELS}",
        f"“DescriptionLevel” holds “Étage”; expected: one of {LEVELS}",
        LEVELS,
    ),
    "a date as the French write it": (
        "2020-01-01",
        "1/02/2020",
        f"{CONTENT}/StartDate",
        "« StartDate » contient « 1/02/2020 » ; écrivez « 2020-02-01 ».",
        "“StartDate” holds “1/02/2020”; write “2020-02-01”.",
        "a date (2024-06-30)",
    ),
    "a date that is none": (
        "2020-01-01",
        "31/02/2020",
        f"{CONTENT}/StartDate",
        "« StartDate » contient « 31/02/2020 » ; attendu : une date (2024-06-30)",
        "“StartDate” holds “31/02/2020”; expected: a date (2024-06-30)",
        "a date and time (2024-06-30T17:45:00)",
    ),
    "a date that is empty": (
        "2020-01-01",
        "",
        f"{CONTENT}/StartDate",
        "« StartDate » est vide ; attendu : une date (2024-06-30)",
        "or no element at all.",
        "a date (2024-06-30)",
    ),
    "an identifier that breaks its pattern": (
        'id="unit-2"',
        'id="2 b"',
        CONTENT.removesuffix("/Content"),
        "« ArchiveUnit/@id » contient « 2 b » ; attendu : un identifiant XML (il commence par une lettre",
        "“ArchiveUnit/@id” holds “2 b”; expected: an XML identifier (it begins with a letter",
        "without space",
    ),
    "an element twice": (
        "<StartDate>2020-01-01</StartDate>",
        "<StartDate>2020-01-01</StartDate><StartDate>2020-01-01</StartDate>",
        f"{CONTENT}/StartDate[2]",
        "« StartDate » est répété : « Content » n’en admet qu’un.",
        "“StartDate” is repeated: “Content” takes only one.",
        "only one “StartDate”",
    ),
    "an attribute that is missing": (
        ' algorithm="SHA-512"',
        "",
        f"{OBJECT}/MessageDigest",
        "il manque à « MessageDigest » l’attribut « algorithm » : un texte qui n’est pas vide.",
        "“MessageDigest” lacks the attribute “algorithm”: a text that is not empty.",
        "algorithm = a text that is not empty",
    ),
    "an attribute that is unknown": (
        "<Title>Deux",
        '<Title langue="fr">Deux',
        f"{CONTENT}/Title",
        "« Title » n’admet pas l’attribut « langue » ; permis : xml:lang.",
        "“Title” takes no attribute “langue”; allowed: xml:lang.",
        "xml:lang",
    ),
    "an attribute where there is none": (
        "<StartDate>2020",
        '<StartDate langue="fr">2020',
        f"{CONTENT}/StartDate",
        "« StartDate » n’admet aucun attribut ; ôtez « langue ».",
        "“StartDate” takes no attribute; take “langue” out.",
        "no attribute",
    ),
    "another namespace": (
        "<Title>Deux",
        '<Title xmlns="urn:x">Deux',
        f"{CONTENT}/Title",
        "« Title » est écrit dans l’espace de noms « urn:x », et non dans celui du SEDA",
        "“Title” is written in the namespace “urn:x”, and not in that of SEDA",
        "Title (fr:gouv:culture:archivesdefrance:seda:v",
    ),
    "a text among elements": (
        "<FileInfo>",
        "<FileInfo>voir plus bas",
        f"{OBJECT}/FileInfo",
        "« FileInfo » contient le texte « voir plus bas », et ne peut contenir que des éléments : Filename",
        "“FileInfo” holds the text “voir plus bas”, and can hold elements only: Filename",
        "Filename",
    ),
    "a text among any elements": (
        "</Identifier></ArchivalAgency>",
        "</Identifier><OrganizationDescriptiveMetadata>Mairie</OrganizationDescriptiveMetadata></ArchivalAgency>",
        "/ArchiveTransfer/ArchivalAgency/OrganizationDescriptiveMetadata",
        "contient le texte « Mairie », et ne peut contenir que des éléments.",
        "holds the text “Mairie”, and can hold elements only.",
        "",
    ),
    "elements in a text": (
        "Séance",
        "<b>Séance</b>",
        "/ArchiveTransfer/Comment",
        "« Comment » ne peut pas contenir d’éléments ; attendu : un texte.",
        "“Comment” cannot hold elements; expected: a text.",
        "a text",
    ),
    "a number that is too small": (
        "<Size>",
        "<Size>-",
        f"{OBJECT}/Size",
        "; attendu : un nombre entier d’au moins 1.",
        "; expected: a whole number of at least 1.",
        "a whole number of at least 1",
    ),
}


def valid(version: str) -> str:
    units = (AUnit("Un"), AUnit("Deux", "File", start_date="2020-01-01"))
    return a_manifest(replace(ASip(version=version), units=units)).decode()


def suspects(folder: Path, manifest: str) -> tuple[Suspect, ...]:
    path = folder / "manifest.xml"
    path.write_text(manifest, encoding="utf-8")
    return read_manifest(path, "manifest.xml", Limits()).suspects


def explained(refused: Sequence[Suspect], seconds: float = 60) -> list[Finding]:
    findings, failures = explain(refused, seconds)
    assert failures == []
    return findings


def line_of(manifest: str, finding: Finding) -> str:
    return manifest.split("\n")[int(re.findall(r":(\d+)", finding.place)[0]) - 1]


@pytest.fixture
def judged_by(request: pytest.FixtureRequest) -> Iterator[None]:
    """Our grammars, or the official ones where they are at hand."""
    schema.use_official(official_xsd_dir() if request.param == "official" else None)
    yield
    schema.use_official(None)


@pytest.mark.parametrize(
    ("judged_by", "version"),
    [*(("ours", version) for version in NAMESPACES), ("official", "2.0"), ("official", "2.3")],
    indirect=["judged_by"],
)
@pytest.mark.usefixtures("judged_by")
def test_every_common_fault_is_told_with_path_line_found_and_expected(version: str, tmp_path: Path) -> None:
    right = valid(version)
    assert suspects(tmp_path, right) == ()
    for fault, (said, instead, path, french, english, expected) in FAULTS.items():
        manifest = re.sub(said, instead, right, count=1, flags=re.DOTALL)
        refused = suspects(tmp_path, manifest)
        assert refused, fault

        told = explained(refused)[0]

        assert told.params["path"] == path, fault
        assert path.rpartition("/")[2].partition("[")[0] in line_of(manifest, told), fault
        assert french in text(told, "fr"), fault
        assert english in text(told, "en"), fault
        assert expected in told.params["expected"], fault
        assert "found" in told.params, fault
        assert told.place == refused[0].finding.place


@pytest.mark.parametrize(
    ("whole", "part", "lacks"),
    [
        (
            "<DataObjectPackage>.*</DataObjectPackage>",
            "<DataObjectPackage/>",
            "“DataObjectPackage” lacks DescriptiveMetadata, then ManagementMetadata.",
        ),
        (
            "<Content>",
            "<Management><ClassificationRule/></Management><Content>",
            "“ClassificationRule” lacks ClassificationLevel, then ClassificationOwner.",
        ),
        ("</EndDate>", "</EndDate><Event/>", "“Event” lacks EventDateTime."),
        (
            "</Content>",
            "</Content><DataObjectReference/>",
            "“DataObjectReference” lacks DataObjectReferenceId or DataObjectGroupReferenceId.",
        ),
    ],
)
def test_of_what_may_come_what_must_is_told_to_be_missing(tmp_path: Path, whole: str, part: str, lacks: str) -> None:
    told = explained(suspects(tmp_path, re.sub(whole, part, valid("2.2"), count=1, flags=re.DOTALL)))

    assert any(lacks in text(finding, "en") for finding in told)


def test_where_xmlschema_sees_no_fault_or_another_the_text_of_libxml2_stays(tmp_path: Path) -> None:
    manifest = valid("2.1").replace("<Title>Deux</Title>", "<Titre>Deux</Titre>")
    (refused,) = suspects(tmp_path, manifest)
    right = replace(refused.extract, xml=refused.extract.xml.replace(b"Titre", b"Title"))
    elsewhere = replace(refused.extract, depth=1)
    nowhere = replace(refused.extract, xml=b"")
    unheard_of = replace(refused.finding, params={**refused.finding.params, "reason": "Something new."})

    doubtful = [replace(refused, extract=extract) for extract in (right, elsewhere, nowhere)]
    assert explained(doubtful) == [refused.finding] * 3
    assert explained([replace(refused, finding=unheard_of)]) == [unheard_of]


def test_another_type_than_is_declared_is_left_to_libxml2(tmp_path: Path) -> None:
    typed = '<StartDate xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:type="LevelType">2020'
    (refused,) = suspects(tmp_path, valid("2.1").replace("<StartDate>2020", typed))

    assert explained([refused]) == [refused.finding]


def test_a_fault_over_which_xmlschema_fails_costs_no_other_its_explanation(tmp_path: Path) -> None:
    (refused,) = suspects(tmp_path, valid("2.1").replace(">File<", ">Étage<"))[:1]
    fatal = replace(refused, extract=replace(refused.extract, xml=b"<ArchiveTransfer"))

    told, failures = explain([refused, fatal, refused], 60)

    assert failures == ["XMLSyntaxError"]
    assert told[1] == fatal.finding
    assert ["expected" in finding.params for finding in told] == [True, False, True]


def test_what_is_not_reached_in_time_stays_as_it_was(tmp_path: Path) -> None:
    refused = suspects(tmp_path, valid("2.1").replace(">File<", ">Étage<"))

    assert explained(refused, 0) == [suspect.finding for suspect in refused]


def test_a_path_counts_the_units_that_were_freed_and_those_within(tmp_path: Path) -> None:
    inner = tuple(AUnit(f"Pièce {n}") for n in range(4))
    units = (*(AUnit(f"Unité {n}") for n in range(700)), AUnit("Dossier", units=inner), AUnit("Fin"))
    manifest = a_manifest(ASip((), units)).decode()
    manifest = manifest.replace("<Title>Pièce 2", "<Titel/><Title>Pièce 2").replace(
        "<Title>Fin", "<Titel/><Title>Fin"
    )

    paths = [suspect.extract.path for suspect in suspects(tmp_path, manifest)]

    above = "/ArchiveTransfer/DataObjectPackage/DescriptiveMetadata"
    assert paths == [
        f"{above}/ArchiveUnit[701]/ArchiveUnit[3]/Content/Titel",
        f"{above}/ArchiveUnit[702]/Content/Titel",
    ]


def test_a_unit_without_its_description_is_told_once_it_ends(tmp_path: Path) -> None:
    without = '<ArchiveUnit id="i"><Management/></ArchiveUnit>'
    without = f'<ArchiveUnit id="o"><Content><Title>Dossier</Title></Content>{without}</ArchiveUnit>'
    manifest = valid("2.1").replace("</DescriptiveMetadata>", f"{without}</DescriptiveMetadata>")

    (told,) = explained(suspects(tmp_path, manifest))

    assert told.place.endswith(" i")
    assert told.params["path"].endswith("/ArchiveUnit[3]/ArchiveUnit[1]")
    assert "“ArchiveUnit” lacks Content" in text(told, "en")


@pytest.mark.parametrize(
    "hostile",
    [
        "<a>" * 190 + "</a>" * 190,
        "<Title/>" * 12_000 + "<Titre/>",
        "".join(f"<e{n}/>" for n in range(12_000)),
        "<Titre " + " ".join(f"a{n}=''" for n in range(150)) + "/>",
        f"<Titre x='{'y' * 100_000}'/>",
        f"<StartDate>{'9' * 100_000}</StartDate>",
    ],
)
def test_an_extract_is_small_whatever_it_is_taken_from(tmp_path: Path, hostile: str) -> None:
    refused = suspects(tmp_path, valid("2.1").replace("<Title>Deux</Title>", f"<Title>Deux</Title>{hostile}"))

    assert refused
    assert max(len(suspect.extract.xml) for suspect in refused) <= extracts.LARGEST
    assert max(len(suspect.finding.params["path"]) for suspect in refused) <= 410
    assert [told.code for told in explained(refused)] == ["MANIFEST_SCHEMA"] * len(refused)


def test_five_thousand_faults_are_a_few_that_are_explained(tmp_path: Path) -> None:
    faults = "<ArchiveUnit/>" * 5_000
    refused = suspects(tmp_path, valid("2.1").replace("</DescriptiveMetadata>", f"{faults}</DescriptiveMetadata>"))

    told = explained(refused)

    assert len(told) == Limits().max_schema_errors
    assert [finding.params["path"].rpartition("/")[2] for finding in told[::2]] == [
        f"ArchiveUnit[{n}]" for n in range(3, 28)
    ]
    assert {finding.params["expected"] for finding in told[1::2]} == {"ArchiveUnitRefId or Content"}


def test_a_grammar_takes_nothing_from_the_network(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as web:
        address = f"http://127.0.0.1:{web.getsockname()[1]}/seda-values.xsd"
        for part in SCHEMAS.iterdir():
            (tmp_path / part.name).write_text(part.read_text().replace('"seda-values.xsd"', f'"{address}"'))

        with pytest.raises(XMLSchemaException):
            grammar.read(tmp_path / "seda-2.1.xsd")

        web.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody called
            web.accept()
