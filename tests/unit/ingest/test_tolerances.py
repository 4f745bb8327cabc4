"""What an agreement forgives of SEDA's grammar: exactly that, told with its place."""

from pathlib import Path
from typing import get_args

import pytest

from services.ingest.domain.finding_texts import text
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.instruments import Identification
from services.ingest.domain.known_rule import KnownRule
from services.ingest.domain.limits import Limits
from services.ingest.domain.tolerances import FAR_DATES, TOLERANCES
from services.ingest.pipeline.judge import judge
from services.ingest.pipeline.manifest import tolerated
from services.ingest.pipeline.schema import NAMESPACES
from shared.messages.admin import SchemaTolerance
from tests.builders.sips import AFile, ASip, a_manifest, a_sip, an_agreement

FILE = AFile("Content/a.txt", b"abc")
UNIT = '<ArchiveUnit id="unit-1">\n'
HOLD = "<HoldRule><Rule>H</Rule></HoldRule>"
SIGNED = "<SigningInformation><SigningRole>Signature</SigningRole>{}</SigningInformation>"
GROUP = "<DataObjectGroupReferenceId>grp-0</DataObjectGroupReferenceId>"
PHYSICAL = f'<PhysicalDataObject id="p">{GROUP}{{}}</PhysicalDataObject>\n'

# Tolerance, version of SEDA, what is put into a valid manifest (before which text), and the path it then stands at.
CASES = (
    ("update_operation", "2.1", "<Content>", "<Management><UpdateOperation/></Management>"),
    ("update_operation", "2.2", "<Content>", '<Management><UpdateOperation a="&gt;>"/></Management>'),
    ("hold_rule_before_2_2", "2.1", "<Content>", f"<Management>{HOLD}</Management>"),
    ("hold_rule_before_2_2", "2.1", "</ManagementMetadata>", HOLD),
    ("hold_rule_before_2_2", "2.0", "<Content>", f"<Management>{HOLD}</Management>"),
    ("later_content", "2.1", "<StartDate>", "<Agent><FullName>A</FullName></Agent>"),
    ("later_content", "2.1", "</Content>", SIGNED.format("")),
    ("later_content", "2.2", "</Content>", "<PersistentIdentifier>x</PersistentIdentifier>"),
    ("agencies_in_2_0", "2.0", "</ManagementMetadata>", "<SubmissionAgencyIdentifier>S</SubmissionAgencyIdentifier>"),
    ("signature_in_2_3", "2.3", "</Content>", "<Signature/>"),
    ("signing_information_extended", "2.3", "</Content>", SIGNED.format("<Extended><A>b</A></Extended>")),
    ("management_metadata_order", "2.1", "</ManagementMetadata>", "<ArchivalProfile>P</ArchivalProfile>"),
    ("free_content", "2.1", "<StartDate>", "<Arrangement>\n<Title/>é</Arrangement >"),
    ("free_content", "2.2", "</Content>", "<MyText>x</MyText>"),
    ("free_management", "2.1", "</ManagementMetadata>", "<ArchiveProfile>x</ArchiveProfile>"),
    ("free_technical_metadata", "2.1", "</BinaryDataObject>", "<Metadata><Image><Width>1</Width></Image></Metadata>"),
    ("free_technical_metadata", "2.2", "</BinaryDataObject>", "<OtherMetadata><titi/></OtherMetadata>"),
    ("metadata_blocks", "2.1", "</BinaryDataObject>", "<Metadata><Code>x</Code></Metadata>"),
    ("physical_description", "2.1", "<DescriptiveMetadata>", PHYSICAL.format("<Extent>x</Extent>")),
    ("free_content", "2.1", "</Content>", "<MyDate>2024-02-29</MyDate>"),
    ("unit_metadata", "2.1", "</ArchiveUnit>", "<Metadata/>"),
)


def manifest(version: str, before: str, put: str) -> bytes:
    agency = None if version == "2.0" else "COMMUNE-1"
    plain = a_manifest(ASip((FILE,), version=version, originating_agency=agency)).decode()
    assert before in plain
    return plain.replace(before, put + before, 1).encode()


def findings(folder: Path, content: bytes, *tolerances: str) -> tuple[Finding, ...]:
    sip = a_sip(folder / "sip", ASip((FILE,), manifest=content))
    agreement = an_agreement(schema_tolerances=tolerances)
    return judge(
        sip, agreement, {"H": KnownRule("HoldRule")}, Limits(), lambda _: Identification("x-fmt/111"), None
    ).findings


def heavy(found: tuple[Finding, ...]) -> set[str]:
    return {each.code for each in found if each.severity is not Severity.INFO}


READ = [case for case in CASES if case[1] in NAMESPACES]


@pytest.mark.parametrize(("tolerance", "version", "before", "put"), READ)
def test_it_forgives_what_it_names_and_says_so(
    tmp_path: Path, tolerance: str, version: str, before: str, put: str
) -> None:
    found = findings(tmp_path, manifest(version, before, put), tolerance)

    assert heavy(found) == {"MANIFEST_TOLERATED"}
    (told,) = [each for each in found if each.code == "MANIFEST_TOLERATED"]
    assert told.params["tolerance"] == tolerance
    assert tolerance in text(told, "fr")
    assert f"</{told.params['element']}" in put or f"<{told.params['element']}" in put


@pytest.mark.parametrize(("tolerance", "version", "before", "put"), READ)
def test_without_it_the_transfer_is_refused_with_path_line_and_what_was_expected(
    tmp_path: Path, tolerance: str, version: str, before: str, put: str
) -> None:
    content = manifest(version, before, put)
    found = findings(tmp_path, content, *(TOLERANCES.keys() - {tolerance}))

    refusals = [each for each in found if each.code == "MANIFEST_SCHEMA"]
    (told,) = [each for each in found if each.code == "MANIFEST_TOLERABLE"]
    assert refusals
    line = content[: content.index(put.encode())].count(b"\n") + 1
    assert all(each.place.partition(" ")[0] == f"manifest.xml:{line}" for each in (refusals[0], told))
    assert told.params["tolerance"] == tolerance
    assert told.params["path"].startswith("ArchiveTransfer/DataObjectPackage/")


def test_every_tolerance_that_agreements_can_name_is_known_here_and_tried() -> None:
    assert set(get_args(SchemaTolerance)) == {*TOLERANCES, FAR_DATES}
    assert {case[0] for case in CASES} == set(TOLERANCES)


@pytest.mark.parametrize(
    ("before", "put"),
    [
        ("<Content>", "<Management><UpdateOperation/><NoSuchRule/></Management>"),
        ("<Content>", "<Management><UpdateOperation/><AppraisalRule><Rule>A</Rule></AppraisalRule></Management>"),
        ("<Content>", "<UpdateOperation/>"),
        ("</Content>", "<Title>out of its place</Title>"),
        ("</Content>", "<MyDate>tomorrow</MyDate>"),
    ],
)
def test_what_stands_beside_it_must_still_be_valid(tmp_path: Path, before: str, put: str) -> None:
    assert "MANIFEST_SCHEMA" in heavy(
        findings(tmp_path, manifest("2.1", before, put), "update_operation", "free_content")
    )


def test_a_profile_in_its_place_is_not_forgiven_with_those_out_of_theirs(tmp_path: Path) -> None:
    content = manifest("2.1", "<OriginatingAgencyIdentifier>", "<ArchivalProfile>P</ArchivalProfile>")
    content = content.replace(b"</ManagementMetadata>", b"<ServiceLevel>x</ServiceLevel></ManagementMetadata>")

    found = findings(tmp_path, content, "management_metadata_order")

    assert [each.params["element"] for each in found if each.code == "MANIFEST_TOLERATED"] == ["ServiceLevel"]


def test_the_signature_of_earlier_versions_is_forgiven_as_an_extension_only(tmp_path: Path) -> None:
    content = manifest("2.3", "</Content>", "<Signature/><Gps><GpsLatitude>1</GpsLatitude></Gps>")

    assert heavy(findings(tmp_path, content, "signature_in_2_3")) == {"MANIFEST_SCHEMA"}


def test_what_is_forgiven_many_times_is_told_once_with_its_number(tmp_path: Path) -> None:
    found = findings(tmp_path, manifest("2.1", "</Content>", "<MyText>x</MyText>\n" * 70), "free_content")

    (told,) = [each for each in found if each.code == "MANIFEST_TOLERATED"]
    assert told.params["count"] == "70"
    assert heavy(found) == {"MANIFEST_TOLERATED"}


def test_beyond_so_many_kinds_nothing_more_is_forgiven(tmp_path: Path) -> None:
    put = "".join(f"<My{number}/>" for number in range(tolerated.MAX_KINDS + 1))

    assert "MANIFEST_SCHEMA" in heavy(findings(tmp_path, manifest("2.1", "</Content>", put), "free_content"))


@pytest.mark.parametrize("encoding", ["iso-8859-1", "windows-1252"])
def test_other_encodings_of_one_byte_are_forgiven_alike(tmp_path: Path, encoding: str) -> None:
    content = manifest("2.1", "</Content>", "<MyText>é</MyText>").decode().replace("UTF-8", encoding)

    assert heavy(findings(tmp_path, content.encode(encoding), "free_content")) == {"MANIFEST_TOLERATED"}


@pytest.mark.parametrize("name", ["\u0132x", "a\u2c00", "\U00010000"])
def test_names_that_only_the_fifth_edition_of_xml_knows_are_judged_and_not_forgiven(
    tmp_path: Path, name: str
) -> None:
    """What finds forgivable elements knows the fourth edition: that must not keep a deposit from its verdict."""
    content = manifest("2.1", "</Content>", f"<MyText>x</MyText><{name}/>")

    assert "MANIFEST_SCHEMA" in heavy(findings(tmp_path, content, "free_content"))


def test_in_utf_16_nothing_is_forgiven(tmp_path: Path) -> None:
    content = manifest("2.1", "</Content>", "<MyText>é</MyText>").decode().replace("UTF-8", "UTF-16")

    assert "MANIFEST_SCHEMA" in heavy(findings(tmp_path, content.encode("utf-16"), "free_content"))


@pytest.mark.parametrize(("tolerances", "severity"), [((), Severity.ERROR), ((FAR_DATES,), Severity.WARNING)])
@pytest.mark.parametrize("dates", ["<StartDate>9000-01-01</StartDate>", "<HoldEndDate>9999-12-31</HoldEndDate>"])
def test_a_rule_of_the_year_9000_is_refused_unless_forgiven(
    tmp_path: Path, dates: str, tolerances: tuple[str, ...], severity: Severity
) -> None:
    put = f"<Management><HoldRule><Rule>H</Rule>{dates}</HoldRule></Management>"

    found = findings(tmp_path, manifest("2.2", "<Content>", put), *tolerances)

    assert [(each.code, each.severity) for each in found] == [("RULE_DATE_FAR", severity)]
