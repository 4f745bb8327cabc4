"""Usages within a group: one object each, and a master among them where the agreement is strict."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from services.ingest.domain.agreement import Usages
from services.ingest.domain.findings import Severity
from services.ingest.domain.instruments import Identification
from services.ingest.domain.limits import Limits
from services.ingest.pipeline.judge import judge
from tests.builders.sips import AFile, ASip, a_manifest, a_sip, an_agreement


def found_in(
    folder: Path, usages: Sequence[str | None], agreement: Usages, physical: str = ""
) -> list[tuple[str, Severity]]:
    """Put all the files into the first one's group, beside physical objects."""
    files = tuple(AFile(f"{number}.txt", usage=usage) for number, usage in enumerate(usages))
    sip = ASip(files, objects_extra=physical)
    manifest = a_manifest(sip).decode()
    for number in range(1, len(files)):
        declared = f"<DataObjectGroupId>grp-{number}</DataObjectGroupId>"
        manifest = manifest.replace(declared, "<DataObjectGroupReferenceId>grp-0</DataObjectGroupReferenceId>")
        manifest = manifest.replace(f"ReferenceId>grp-{number}<", "ReferenceId>grp-0<")
    path = a_sip(folder / "sip", ASip(files, manifest=manifest.encode()))
    found = judge(path, an_agreement(usages=agreement), {}, Limits(), lambda _: Identification("fmt/0"), None)
    return [(each.code, each.severity) for each in found.findings]


def on_paper(usage: str) -> str:
    return (
        '<PhysicalDataObject id="paper"><DataObjectGroupReferenceId>grp-0</DataObjectGroupReferenceId>'
        f"<DataObjectVersion>{usage}</DataObjectVersion><PhysicalId>12 W 3</PhysicalId></PhysicalDataObject>\n"
    )


BOTH = pytest.mark.parametrize(
    ("agreement", "severity"), [(Usages.STRICT, Severity.ERROR), (Usages.LENIENT, Severity.WARNING)]
)


@pytest.mark.parametrize(
    "usages",
    [
        ("BinaryMaster",),
        (None,),
        ("BinaryMaster_1", "BinaryMaster_2"),
        ("BinaryMaster_1", "Dissemination_1", "Thumbnail", "TextContent_3"),
        (None, "Dissemination"),
    ],
)
def test_a_group_has_a_master_and_what_is_made_from_it(tmp_path: Path, usages: tuple[str | None, ...]) -> None:
    assert found_in(tmp_path, usages, Usages.STRICT) == []


@pytest.mark.parametrize("master", ["PhysicalMaster", "PhysicalMaster_1"])
def test_the_master_may_be_on_paper(tmp_path: Path, master: str) -> None:
    assert found_in(tmp_path, ("Dissemination_1",), Usages.STRICT, on_paper(master)) == []


@BOTH
@pytest.mark.parametrize("usages", [("Dissemination_1",), ("Thumbnail", "TextContent")])
def test_a_group_without_a_master_weighs_what_the_agreement_says(
    tmp_path: Path, usages: tuple[str, ...], agreement: Usages, severity: Severity
) -> None:
    assert found_in(tmp_path, usages, agreement) == [("OBJECT_MASTER_MISSING", severity)]


@BOTH
@pytest.mark.parametrize(
    "usages",
    [("BinaryMaster", "BinaryMaster"), ("BinaryMaster", "BinaryMaster_1"), ("BinaryMaster_2", "BinaryMaster_2")],
)
def test_a_usage_and_version_are_borne_once_in_a_group(
    tmp_path: Path, usages: tuple[str, ...], agreement: Usages, severity: Severity
) -> None:
    assert found_in(tmp_path, usages, agreement) == [("OBJECT_USAGE_REPEATED", severity)]


@BOTH
@pytest.mark.parametrize(
    "usage", ["BinaryMaster_0", "BinaryMaster_01", "BinaryMaster_-1", "BinaryMaster_", "BinaryMaster_a"]
)
def test_versions_are_numbers_from_one(tmp_path: Path, usage: str, agreement: Usages, severity: Severity) -> None:
    assert found_in(tmp_path, (usage,), agreement) == [("OBJECT_USAGE", severity)]


@BOTH
def test_paper_and_bytes_are_not_taken_for_each_other(tmp_path: Path, agreement: Usages, severity: Severity) -> None:
    in_bytes = found_in(tmp_path, ("PhysicalMaster_1",), agreement)
    on_a_shelf = found_in(tmp_path, ("BinaryMaster_1",), agreement, on_paper("BinaryMaster_2"))

    assert in_bytes == on_a_shelf == [("OBJECT_USAGE_KIND", severity)]
