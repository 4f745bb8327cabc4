"""The antivirus adapter against a real clamd, with one signature of our own."""

from collections.abc import Iterator

import pytest

from services.ingest.adapters.clamav import Clamd
from services.ingest.adapters.clamd_sessions import Sessions
from services.ingest.domain.errors import ScannerUnavailable, TryAgain
from services.ingest.domain.limits import MIB
from tests.builders.clamd import MALWARE, STREAM_MAX, ARunningClamd

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ARunningClamd]:
    running = ARunningClamd(tmp_path_factory.mktemp("clamd"))
    yield running
    running.kill()


@pytest.fixture
def sessions(clamd: ARunningClamd) -> Iterator[Sessions]:
    kept = Sessions(clamd.path)
    yield kept
    kept.close()


@pytest.mark.parametrize("way", ["path", "tcp"])
def test_a_clean_stream_is_clean_and_an_infected_one_is_named(clamd: ARunningClamd, way: str) -> None:
    sessions = Sessions(getattr(clamd, way))
    scanner = Clamd(sessions, STREAM_MAX)

    clean = scanner.scan([b"a clean ", b"", b"file" * 100_000])
    infected = scanner.scan([b"before ", MALWARE[:20], MALWARE[20:], b" after"])
    sessions.close()

    assert (clean.malware, clean.examined) == (None, 400_008)
    assert infected.malware is not None
    assert infected.malware.startswith("Chartrier.Test")


def test_an_empty_stream_is_clean(sessions: Sessions) -> None:
    assert Clamd(sessions).scan([]).malware is None


def test_of_a_stream_beyond_the_limit_the_beginning_is_looked_at(sessions: Sessions) -> None:
    scanner = Clamd(sessions, STREAM_MAX)
    chunks = iter([bytes(MIB)] * 6)

    report = scanner.scan(chunks)

    assert (report.malware, report.examined) == (None, STREAM_MAX)
    assert len(list(chunks)) == 2, "what was not looked at is left for whoever measures the file"
    assert scanner.scan([MALWARE, bytes(STREAM_MAX)]).malware is not None


def test_a_limit_above_that_of_clamd_is_a_failure_of_the_world_not_a_clean_file(sessions: Sessions) -> None:
    with pytest.raises(ScannerUnavailable, match="INSTREAM size limit exceeded"):
        Clamd(sessions, 10 * STREAM_MAX).scan([bytes(MIB)] * 20)


@pytest.mark.parametrize("address", ["/nowhere/clamd.sock", "127.0.0.1:1"])
def test_a_scanner_that_is_down_never_says_clean(address: str) -> None:
    with pytest.raises(TryAgain, match="clamd at"):
        Clamd(Sessions(address)).scan([b"anything"])


def test_clamd_says_its_version(sessions: Sessions) -> None:
    assert Clamd(sessions).version().startswith("ClamAV ")
