"""Stand-ins for clamd where what it is sent, or when it answers, is the matter; what it finds is not."""

import socket
import threading
import time
from pathlib import Path
from typing import BinaryIO


class ASocketThatCounts:
    """Speaks clamd's sessions, finds nothing, and remembers how many bytes it was sent for each file.

    The first file is answered `first_after` seconds late. Answers bear the number of the command, and `misnumbered`
    more.
    """

    def __init__(self, path: Path, first_after: float = 0.0, misnumbered: int = 0) -> None:
        self.address = str(path)
        self.received: list[int] = []
        self._late = first_after
        self._misnumbered = misnumbered
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(self.address)
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            number = self._misnumbered
            while (command := _command(reader)) not in ("zEND", ""):
                if command == "zIDSESSION":
                    continue
                number += 1
                answer = "ClamAV 0" if command == "zVERSION" else self._counted(reader)
                connection.sendall(f"{number}: {answer}\0".encode())

    def _counted(self, reader: BinaryIO) -> str:
        place = len(self.received)
        self.received.append(0)
        while size := int.from_bytes(reader.read(4), "big"):
            self.received[place] += len(reader.read(size))
        time.sleep(self._late)
        self._late = 0.0
        return "stream: OK"


def _command(reader: BinaryIO) -> str:
    read = bytearray()
    while (byte := reader.read(1)) not in (b"", b"\0"):
        read += byte
    return read.decode()
