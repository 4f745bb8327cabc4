"""A real clamd, with signatures of our own."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from services.ingest.adapters.clamav import Clamd
from services.ingest.adapters.clamd_sessions import Sessions
from services.ingest.domain.errors import ScannerUnavailable
from services.ingest.domain.limits import MIB

# Any text would do: clamd is given this one, and the standard test string, as its only signatures.
MALWARE = b"chartrier: this sentence is the malware of our tests"
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
STREAM_MAX = 4 * MIB
START_SECONDS = 60


class ARunningClamd:
    """A clamd that listens at a `path` and at `tcp`, and can be killed and started again at the same two."""

    def __init__(self, folder: Path, *settings: str) -> None:
        program = shutil.which("clamd", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")
        if program is None:
            pytest.fail("clamd is not installed: apt-get install clamav-daemon (no signature is needed)")
        self.signatures = folder / "signatures"
        self.signatures.mkdir()
        signed = {"Chartrier.Test": MALWARE, "Chartrier.Eicar": EICAR}
        lines = [f"{name}:0:*:{text.hex()}\n" for name, text in signed.items()]
        (self.signatures / "test.ndb").write_text("".join(lines))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.path, self.tcp = str(folder / "clamd.sock"), f"127.0.0.1:{port}"
        configuration = folder / "clamd.conf"
        configuration.write_text(
            f"Foreground yes\nDatabaseDirectory {self.signatures}\nLocalSocket {self.path}\n"
            f"TCPSocket {port}\nTCPAddr 127.0.0.1\nStreamMaxLength {STREAM_MAX}\nTemporaryDirectory {folder}\n"
            + "".join(f"{setting}\n" for setting in settings)
        )
        self._command = [program, "-c", str(configuration)]
        self._log = folder / "clamd.log"
        self._process = self._started()

    def restart(self) -> None:
        """Kill it, and return once another answers."""
        self.kill()
        self._process = self._started()

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        self._process.kill()
        self._process.wait(30)

    def _started(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            process = subprocess.Popen(self._command, stdout=log, stderr=log)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and process.poll() is None:
            if _answers(self.path) and _answers(self.tcp):
                return process
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        process.kill()
        pytest.fail(f"clamd did not start: {self._log.read_text(errors='replace')[-2000:]}")


def _answers(address: str) -> bool:
    sessions = Sessions(address)
    try:
        Clamd(sessions).version()
    except ScannerUnavailable:
        return False
    finally:
        sessions.close()
    return True
