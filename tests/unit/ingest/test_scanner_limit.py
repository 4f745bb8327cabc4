"""How much of a file goes to the antivirus is the operator's to say."""

import socket
import threading
from pathlib import Path

import pytest

from services.ingest.settings import IngestSettings
from services.ingest.tasks import CheckOrder, check
from tests.builders.sips import AFile, ASip, AUnit, a_sip, an_agreement


class ASocketThatCounts:
    """Speaks clamd's protocol, finds nothing, and remembers how many bytes it was sent for each file."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self.received: list[int] = []
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(self.address)
        self._listening.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with connection, connection.makefile("rb") as reader:
                command = reader.read(len(b"zVERSION\0"))
                if command == b"zVERSION\0":
                    connection.sendall(b"ClamAV 0\0")
                    continue
                reader.read(len(b"zINSTREAM\0") - len(command))
                self.received.append(0)
                while size := int.from_bytes(reader.read(4), "big"):
                    self.received[-1] += len(reader.read(size))
                connection.sendall(b"stream: OK\0")


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
