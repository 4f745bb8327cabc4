r"""The antivirus: clamd's INSTREAM command, over TCP or a Unix socket.

Protocol: clamd(8), "COMMANDS": `zINSTREAM\0`, then chunks as a 4-byte big-endian length and the bytes, a length
of zero to end; the answer is ``stream: OK``, ``stream: <name> FOUND`` or a sentence ending in ``ERROR``.
"""

import socket
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from services.ingest.domain.errors import ScannerUnavailable
from services.ingest.domain.instruments import ScanReport
from services.ingest.domain.limits import MIB

STREAM_MAX = 25 * MIB
"""clamd's own limit where its configuration says nothing."""

_LENGTH: Final = struct.Struct("!L")
_LONGEST_ANSWER = 4096


class Clamd:
    """A clamd at ``host:port`` or at the path of a Unix socket.

    `stream_max` is at most clamd's own StreamMaxLength: of a longer file only the first `stream_max` bytes are
    looked at, and the report says so.
    """

    def __init__(self, address: str, stream_max: int = STREAM_MAX, timeout: float = 120.0) -> None:
        self._address = address
        self._stream_max = stream_max
        self._timeout = timeout
        self.waited = 0.0
        """Seconds that scans have waited for clamd, and not for the bytes they send."""

    def scan(self, chunks: Iterable[bytes]) -> ScanReport:
        """Have a stream looked at. Raises `ScannerUnavailable` for any answer that is neither clean nor infected."""
        try:
            with self._connect() as connection:
                connection.sendall(b"zINSTREAM\0")
                examined = self._send(connection, chunks)
                with self._waiting():
                    answer = _answer(connection)
        except OSError as error:
            raise ScannerUnavailable(f"clamd at {self._address}: {error}") from error
        return ScanReport(_malware(answer, self._address), examined)

    def version(self) -> str:
        """Return clamd's version and that of its signatures. Raises `ScannerUnavailable` when it does not answer."""
        try:
            with self._connect() as connection:
                connection.sendall(b"zVERSION\0")
                return _answer(connection)
        except OSError as error:
            raise ScannerUnavailable(f"clamd at {self._address}: {error}") from error

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.waited += time.monotonic() - began

    def _connect(self) -> socket.socket:
        host, _, port = self._address.rpartition(":")
        if self._address.startswith("/") or not port.isdigit():
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.settimeout(self._timeout)
                connection.connect(self._address)
            except OSError:
                connection.close()
                raise
            return connection
        return socket.create_connection((host.strip("[]"), int(port)), self._timeout)

    def _send(self, connection: socket.socket, chunks: Iterable[bytes]) -> int:
        examined = 0
        for chunk in chunks:
            piece = chunk[: self._stream_max - examined]
            if piece:
                with self._waiting():
                    connection.sendall(_LENGTH.pack(len(piece)) + piece)
                examined += len(piece)
            if examined >= self._stream_max:
                break
        connection.sendall(_LENGTH.pack(0))
        return examined


def _answer(connection: socket.socket) -> str:
    received = bytearray()
    while not received.endswith(b"\0") and len(received) < _LONGEST_ANSWER:
        data = connection.recv(_LONGEST_ANSWER)
        if not data:
            break
        received += data
    return received.rstrip(b"\0\n").decode(errors="replace")


def _malware(answer: str, address: str) -> str | None:
    if answer == "stream: OK":
        return None
    if answer.startswith("stream: ") and answer.endswith(" FOUND"):
        return answer.removeprefix("stream: ").removesuffix(" FOUND")
    raise ScannerUnavailable(f"clamd at {address} answered “{answer or 'nothing'}”")
