"""Stand-ins for clamd where what it is sent, or when it answers, is the matter; what it finds is not."""

import socket
import threading
import time
from pathlib import Path


class ASocketThatCounts:
    """Speaks clamd's protocol, finds nothing, and remembers how many bytes it was sent for each file.

    The first file is answered `first_after` seconds late.
    """

    def __init__(self, path: Path, first_after: float = 0.0) -> None:
        self.address = str(path)
        self.received: list[int] = []
        self._late = first_after
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
                time.sleep(self._late)
                self._late = 0.0
                connection.sendall(b"stream: OK\0")
