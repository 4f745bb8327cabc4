"""How much of a file goes to the antivirus is the operator's to say."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.ingest.adapters.clamav import Clamd
from services.ingest.adapters.clamd_sessions import Sessions
from services.ingest.domain.errors import ScannerUnavailable
from services.ingest.settings import IngestSettings
from services.ingest.tasks import CheckOrder, check
from tests.builders.scanners import ASocketThatCounts
from tests.builders.sips import AFile, ASip, AUnit, a_sip, an_agreement


def test_no_more_of_a_file_than_the_operator_says_is_sent(tmp_path: Path) -> None:
    scanner = ASocketThatCounts(tmp_path / "clamd.sock")
    sip = a_sip(tmp_path / "sip.zip", ASip((AFile("Content/a.txt", b"x" * 5000),), (AUnit("Acte", files=(0,)),)))

    check(CheckOrder(sip, tmp_path / "header.json", an_agreement(), {}, scanner.address, 1000))
    limited = list(scanner.received)
    check(CheckOrder(sip, tmp_path / "header.json", an_agreement(), {}, scanner.address))

    assert max(limited) == 1000
    assert max(scanner.received) == 5000


def test_the_limit_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTRIER_STAGING_URL", "file:///staging")
    assert IngestSettings().clamd_stream_max == 25 * 1024**2
    monkeypatch.setenv("CHARTRIER_CLAMD_STREAM_MAX", "100")
    assert IngestSettings().clamd_stream_max == 100


def test_waiting_for_the_antivirus_is_told_from_reading_the_file(tmp_path: Path) -> None:
    sessions = Sessions(ASocketThatCounts(tmp_path / "clamd.sock", first_after=0.3).address)
    scanner = Clamd(sessions)

    def slowly() -> Iterator[bytes]:
        time.sleep(1.0)
        yield b"x"

    scanner.scan([b"x"])
    late = scanner.waited
    scanner.scan(slowly())
    sessions.close()

    assert late >= 0.3
    assert scanner.waited - late < 1.0


def test_an_answer_to_another_command_says_nothing_of_this_one(tmp_path: Path) -> None:
    sessions = Sessions(ASocketThatCounts(tmp_path / "clamd.sock", misnumbered=1).address)

    with pytest.raises(ScannerUnavailable, match="2: stream: OK"):
        Clamd(sessions).scan([b"x"])
