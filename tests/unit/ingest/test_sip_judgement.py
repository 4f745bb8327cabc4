"""The judgement as a whole: what stops it, what does not, how the instruments look at the files."""

from dataclasses import replace
from pathlib import Path

import pytest

from services.ingest.domain.agreement import MatchHeader, UnknownRules, Usages
from services.ingest.domain.instruments import Identification, ScanReport
from services.ingest.domain.limits import Limits
from services.ingest.domain.sip import ContainerFormat
from services.ingest.pipeline.judge import judge
from tests.builders.hostile_sips import a_sip_with_billion_laughs, a_sip_with_entry
from tests.builders.sips import ASip, AUnit, a_manifest, a_sip, an_agreement, codes, error_codes

PLAIN = Identification("x-fmt/111", "Plain Text File", "text/plain")


@pytest.mark.parametrize("container", ContainerFormat)
@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2", "2.3"])
def test_a_right_package_has_no_finding_even_under_a_strict_agreement(
    tmp_path: Path, version: str, container: ContainerFormat
) -> None:
    agreement = an_agreement(match_header=MatchHeader.STRICT, unknown_rules=UnknownRules.REJECT, usages=Usages.STRICT)
    sip = a_sip(tmp_path / "sip", ASip(version=version), container)

    found = judge(sip, agreement, {}, Limits(), lambda _: PLAIN, None)

    assert found.findings == ()
    assert found.inventory is not None
    assert [file.path for file in found.inventory.files] == [file.path for file in ASip().files]
    assert {file.puid for file in found.inventory.files} == {"x-fmt/111"}


def test_an_unsafe_package_is_not_measured_but_its_manifest_is_judged(tmp_path: Path) -> None:
    def never(_: Path) -> Identification:
        raise AssertionError

    path = a_sip_with_entry(tmp_path / "sip", "../x")
    found = judge(path, an_agreement(max_units=1), {}, Limits(), never, None)

    assert found.inventory is None
    assert codes(found.findings) == ["CONTAINER_TRAVERSAL", "OBJECT_FILE_UNCLAIMED", "HEADER_TOO_MANY_UNITS"]


def test_an_unreadable_manifest_does_not_hide_what_the_files_are(tmp_path: Path) -> None:
    found = judge(a_sip_with_billion_laughs(tmp_path / "sip"), an_agreement(), {}, Limits(), lambda _: PLAIN, None)

    assert codes(found.findings) == ["MANIFEST_DOCTYPE"]
    assert found.inventory is not None


def test_malware_is_told_of_by_file_the_manifest_included(tmp_path: Path) -> None:
    seen = []

    def scan(chunks: object) -> ScanReport:
        content = b"".join(chunks)  # type: ignore[arg-type]
        seen.append(len(content))
        return ScanReport("Eicar" if b"Annexe" in content else None, len(content))

    sip = ASip()
    found = judge(a_sip(tmp_path / "sip", sip), an_agreement(), {}, Limits(), lambda _: PLAIN, scan)

    assert [(f.code, f.place) for f in found.findings] == [("ANTIVIRUS_INFECTED", "Content/annexe.txt")]
    assert seen == [len(a_manifest(sip)), *(len(file.content) for file in sip.files)]


def test_a_file_the_antivirus_looked_at_in_part_is_measured_whole_and_told_of(tmp_path: Path) -> None:
    def scan(chunks: object) -> ScanReport:
        return ScanReport(None, len(next(iter(chunks))) - 1)  # type: ignore[call-overload]

    found = judge(a_sip(tmp_path / "sip"), an_agreement(), {}, Limits(), lambda _: PLAIN, scan)

    assert codes(found.findings) == ["ANTIVIRUS_PARTIAL"] * 3
    assert error_codes(found.findings) == []


def test_findings_of_one_code_are_listed_up_to_a_limit_then_counted(tmp_path: Path) -> None:
    units = tuple(AUnit("") for _ in range(30))
    limits = replace(Limits(), max_findings_per_code=10)

    found = judge(a_sip(tmp_path / "sip", ASip((), units)), an_agreement(), {}, limits, lambda _: PLAIN, None)

    assert codes(found.findings) == ["UNIT_TITLE_EMPTY"] * 10 + ["FINDINGS_OMITTED"]
    assert found.findings[-1].params == {"code": "UNIT_TITLE_EMPTY", "count": "20"}
