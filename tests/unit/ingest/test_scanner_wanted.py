"""The antivirus as the agreement wants it: where there is one, never, or not without."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from services.ingest.domain.agreement import Antivirus
from services.ingest.domain.errors import ScannerUnavailable
from services.ingest.domain.findings import Severity
from services.ingest.domain.instruments import Identification, ScanReport
from services.ingest.domain.limits import Limits
from services.ingest.pipeline.judge import judge
from services.ingest.tasks import CheckOrder, check
from tests.builders.sips import a_sip, an_agreement


def order(folder: Path, antivirus: Antivirus, clamd: str | None) -> CheckOrder:
    sip = a_sip(folder / "sip.zip")
    return CheckOrder(sip, folder / "header.json", an_agreement(antivirus=antivirus), {}, clamd)


@pytest.mark.parametrize("antivirus", [Antivirus.YES, Antivirus.NO])
def test_without_a_scanner_nothing_is_scanned(tmp_path: Path, antivirus: Antivirus) -> None:
    assert "clamav" not in check(order(tmp_path, antivirus, None)).software


def test_an_agreement_that_requires_one_waits_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(ScannerUnavailable, match="requires an antivirus"):
        check(order(tmp_path, Antivirus.REQUIRED, None))


@pytest.mark.parametrize("antivirus", [Antivirus.YES, Antivirus.REQUIRED])
def test_a_scanner_that_is_down_is_waited_for(tmp_path: Path, antivirus: Antivirus) -> None:
    with pytest.raises(ScannerUnavailable):
        check(order(tmp_path, antivirus, str(tmp_path / "nowhere.sock")))


def test_an_agreement_that_wants_none_does_not_wait_for_one_that_is_down(tmp_path: Path) -> None:
    checked = check(order(tmp_path, Antivirus.NO, str(tmp_path / "nowhere.sock")))

    assert "clamav" not in checked.software
    assert checked.inventory is not None


@pytest.mark.parametrize(
    ("antivirus", "severity"), [(Antivirus.YES, Severity.WARNING), (Antivirus.REQUIRED, Severity.ERROR)]
)
def test_a_file_examined_in_part_is_refused_where_the_antivirus_is_required(
    tmp_path: Path, antivirus: Antivirus, severity: Severity
) -> None:
    path, agreement = a_sip(tmp_path / "sip.zip"), an_agreement(antivirus=antivirus)

    def scan(chunks: Iterable[bytes]) -> ScanReport:
        return ScanReport(None, len(next(iter(chunks))) - 1)

    verdict = judge(path, agreement, {}, Limits(), lambda _: Identification("fmt/0"), scan)

    assert {(each.code, each.severity) for each in verdict.findings} == {("ANTIVIRUS_PARTIAL", severity)}
