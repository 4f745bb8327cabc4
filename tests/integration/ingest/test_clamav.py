"""The antivirus adapter against a real clamd, with one signature of our own."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.ingest.adapters.clamav import Clamd
from services.ingest.domain.errors import ScannerUnavailable, TryAgain
from services.ingest.domain.limits import MIB

pytestmark = pytest.mark.integration

# Any text would do: clamd is given this one as its only signature.
MALWARE = b"chartrier: this sentence is the malware of our tests"
STREAM_MAX = 4 * MIB
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class RunningClamd:
    """A clamd that listens at two addresses."""

    path: str
    tcp: str


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClamd]:
    program = shutil.which("clamd", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.fail("clamd is not installed: apt-get install clamav-daemon (no signature is needed)")
    folder = tmp_path_factory.mktemp("clamd")
    signatures = folder / "signatures"
    signatures.mkdir()
    (signatures / "test.ndb").write_text(f"Chartrier.Test:0:*:{MALWARE.hex()}\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = RunningClamd(str(folder / "clamd.sock"), f"127.0.0.1:{port}")
    configuration = folder / "clamd.conf"
    configuration.write_text(
        f"Foreground yes\nDatabaseDirectory {signatures}\nLocalSocket {running.path}\n"
        f"TCPSocket {port}\nTCPAddr 127.0.0.1\nStreamMaxLength {STREAM_MAX}\nTemporaryDirectory {folder}\n"
    )
    with (folder / "clamd.log").open("wb") as log:
        process = subprocess.Popen([program, "-c", str(configuration)], stdout=log, stderr=log)
    try:
        wait_until_it_answers(running, process, folder / "clamd.log")
        yield running
    finally:
        process.terminate()
        process.wait(30)


def wait_until_it_answers(running: RunningClamd, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            Clamd(running.path).version()
            Clamd(running.tcp).version()
        except ScannerUnavailable:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        else:
            return
    pytest.fail(f"clamd did not start: {log.read_text(errors='replace')[-2000:]}")


@pytest.mark.parametrize("way", ["path", "tcp"])
def test_a_clean_stream_is_clean_and_an_infected_one_is_named(clamd: RunningClamd, way: str) -> None:
    scanner = Clamd(getattr(clamd, way), STREAM_MAX)

    clean = scanner.scan([b"a clean ", b"", b"file" * 100_000])
    infected = scanner.scan([b"before ", MALWARE[:20], MALWARE[20:], b" after"])

    assert (clean.malware, clean.examined) == (None, 400_008)
    assert infected.malware is not None
    assert infected.malware.startswith("Chartrier.Test")


def test_an_empty_stream_is_clean(clamd: RunningClamd) -> None:
    assert Clamd(clamd.path).scan([]).malware is None


def test_of_a_stream_beyond_the_limit_the_beginning_is_looked_at(clamd: RunningClamd) -> None:
    scanner = Clamd(clamd.path, STREAM_MAX)
    chunks = iter([bytes(MIB)] * 6)

    report = scanner.scan(chunks)

    assert (report.malware, report.examined) == (None, STREAM_MAX)
    assert len(list(chunks)) == 2, "what was not looked at is left for whoever measures the file"
    assert scanner.scan([MALWARE, bytes(STREAM_MAX)]).malware is not None


def test_a_limit_above_that_of_clamd_is_a_failure_of_the_world_not_a_clean_file(clamd: RunningClamd) -> None:
    with pytest.raises(ScannerUnavailable):
        Clamd(clamd.path, 10 * STREAM_MAX).scan([bytes(MIB)] * 20)


@pytest.mark.parametrize("address", ["/nowhere/clamd.sock", "127.0.0.1:1"])
def test_a_scanner_that_is_down_never_says_clean(address: str) -> None:
    with pytest.raises(TryAgain, match="clamd at"):
        Clamd(address).scan([b"anything"])


def test_clamd_says_its_version(clamd: RunningClamd) -> None:
    assert Clamd(clamd.tcp).version().startswith("ClamAV ")
