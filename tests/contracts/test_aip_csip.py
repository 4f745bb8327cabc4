"""Our AIPs are what E-ARK's own validator calls a valid package (CSIP 2.1.0)."""

import importlib
import io
import tarfile
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.profile import AppliedProfile
from services.ingest.domain.signatures import SignatureReport
from tests.builders.aips import (
    AIP_ID,
    CheckedTransfer,
    Described,
    a_checked_transfer,
    a_physical,
    a_plan,
    a_unit,
)
from tests.builders.purges import PLANTED, a_planted_aip

# It leaves files open, which is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

# Recommendations we do not follow: a METS, and metadata, for each representation (the root METS describes
# the files themselves), a folder of other metadata; and the package is shown to the validator unpacked.
_KNOWN_WARNINGS = {"CSIP105", "CSIPSTR3", "CSIPSTR8", "CSIPSTR12", "CSIPSTR13"}


@pytest.fixture(scope="module")
def eark() -> Iterator[ModuleType]:
    """eark-validator 1.1.3, which downloads at import four vocabularies that lie in its own wheel."""

    def packaged(address: str) -> io.BytesIO:
        resources = importlib.import_module("importlib.resources")
        folder = resources.files("eark_validator.ipxml.resources.vocabs")
        return io.BytesIO(folder.joinpath(address.rpartition("/")[2]).read_bytes())

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(urllib.request, "urlopen", packaged)
        yield importlib.import_module("eark_validator.packages")


def _messages(eark: ModuleType, transfer: CheckedTransfer, folder: Path) -> list[Any]:
    return _messages_of(eark, transfer.build()[0], folder)


def _messages_of(eark: ModuleType, content: bytes, folder: Path) -> list[Any]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(folder, filter="data")
    report = eark.PackageValidator(folder / str(AIP_ID)).validation_report
    assert report.metadata is not None, report.structure
    return [
        *report.structure.messages,
        *report.metadata.schema_results.messages,
        *report.metadata.schematron_results.messages,
    ]


def _errors(messages: list[Any]) -> list[Any]:
    return [message for message in messages if message.severity.name == "ERROR"]


def test_an_aip_has_no_error_and_only_known_warnings(eark: ModuleType, tmp_path: Path) -> None:
    messages = _messages(eark, a_checked_transfer(), tmp_path)

    assert _errors(messages) == []
    assert {message.rule_id for message in messages} <= _KNOWN_WARNINGS


def test_an_aip_of_physical_objects_only_is_valid_too(eark: ModuleType, tmp_path: Path) -> None:
    described = Described((a_physical(),), (a_unit("AU1", objects=("PHY1",)),))

    assert _errors(_messages(eark, a_checked_transfer({}, described), tmp_path)) == []


def test_an_aip_with_a_report_on_signatures_is_valid_too(eark: ModuleType, tmp_path: Path) -> None:
    report = SignatureReport("2026-03-02T09:15:02Z", "warn", "ignore", (), (), ())
    plain = a_checked_transfer(plan=a_plan(software={"chartrier": "0.1.0", "pyhanko": "0.38.0"}))
    transfer = replace(plain, inventory=replace(plain.inventory, signatures=report))

    messages = _messages(eark, transfer, tmp_path)

    assert _errors(messages) == []
    assert {message.rule_id for message in messages} <= _KNOWN_WARNINGS


def test_names_and_findings_that_xml_cannot_hold_do_not_make_an_aip_invalid(eark: ModuleType, tmp_path: Path) -> None:
    finding = Finding("FORMAT_UNIDENTIFIED", Severity.WARNING, "Content/bell\x07.bin")
    transfer = a_checked_transfer({"Content/bell\x07.bin": b"?"}, plan=a_plan((finding,)))

    assert _errors(_messages(eark, transfer, tmp_path)) == []


def test_an_aip_that_was_judged_by_a_profile_is_valid_and_says_by_which(eark: ModuleType, tmp_path: Path) -> None:
    applied = AppliedProfile("PES “0002”", 3, "xsd-1.1", "ab" * 64)
    plan = replace(a_plan((), {"libxml2": "2.14.6", "xmlschema": "4.3.2"}), profile=applied)
    transfer = a_checked_transfer(plan=plan)

    assert _errors(_messages(eark, transfer, tmp_path)) == []
    content, _ = transfer.build()
    said = f"archival profile PES “0002” version 3 (xsd-1.1), SHA-512 {'ab' * 64}</eventDetail>"
    assert content.count(said.encode()) == 1
    without, _ = a_checked_transfer(plan=replace(plan, profile=None)).build()
    assert b"archival profile" not in without


@pytest.mark.parametrize("left", ["some-files", "no-file"])
def test_what_a_partial_purge_leaves_is_valid_too(eark: ModuleType, tmp_path: Path, left: str) -> None:
    aip = a_planted_aip(tmp_path)
    gone = PLANTED if left == "some-files" else (*PLANTED, "unit-2", "unit-5")
    after = aip.purged(aip.units(*gone))

    messages = _messages_of(eark, after.content, tmp_path / "unpacked")

    assert _errors(messages) == []
    # Without a file there is no folder of representations: a recommendation, as for physical objects only.
    assert {message.rule_id for message in messages} - {"CSIPSTR9"} <= _KNOWN_WARNINGS


def test_the_validator_does_see_faults(eark: ModuleType, tmp_path: Path) -> None:
    content, _ = a_checked_transfer().build()
    broken = content.replace(b'LABEL="CSIP"', b'LABEL="PISC"', 1)
    with tarfile.open(fileobj=io.BytesIO(broken)) as archive:
        archive.extractall(tmp_path, filter="data")

    report = eark.PackageValidator(tmp_path / str(AIP_ID)).validation_report

    assert "CSIP82" in {m.rule_id for m in report.metadata.schematron_results.messages}
