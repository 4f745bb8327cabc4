"""A file of the package on disk for the format identifier: whole when small, else its two ends.

PRONOM's signatures look at the beginning and the end of a file, and inside ZIP and OLE2 containers, which have
to be whole. The identifier maps the file it reads into memory: a whole 10 GiB one would fill it.
"""

from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from services.ingest.domain.instruments import Identification
from services.ingest.domain.limits import MIB

# Measured: 0.1 s to look through 16 MiB that match nothing.
WHOLE = 16 * MIB
WHOLE_CONTAINER = 64 * MIB
HEAD, TAIL = 4 * MIB, MIB
CONTAINERS = {
    b"PK\x03\x04": Identification("x-fmt/263", "ZIP Format", "application/zip"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": Identification("fmt/111", "OLE2 Compound Document Format"),
}
"""By their first bytes, those that PRONOM looks into: all that can be said of one that cannot be opened."""

_LONGEST_EXTENSION = 16


class Specimen:
    """Write what the identifier needs of one file, as its bytes go by. The file stays until the next one.

    `container` is what the file begins as, if it is one that PRONOM looks into.
    """

    def __init__(self, folder: Path, path: str, size: int) -> None:
        self.path = folder / f"specimen{_extension(path)}"
        self._size = size
        self._position = 0
        self._keep_all = size <= WHOLE
        self.container: Identification | None = None
        self._file: BinaryIO = self.path.open("wb")

    def __enter__(self) -> "Specimen":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def whole(self) -> bool:
        """Whether all of the file is there, once it has gone by."""
        return self._keep_all

    def write(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if not self._position:
            self.container = next((kind for magic, kind in CONTAINERS.items() if chunk.startswith(magic)), None)
            if self.container is not None:
                self._keep_all = self._size <= WHOLE_CONTAINER
        if self._keep_all:
            self._file.write(chunk)
        else:
            self._write_ends(chunk)
        self._position += len(chunk)

    def _write_ends(self, chunk: bytes) -> None:
        tail_starts = self._size - TAIL
        if self._position < HEAD:
            self._file.write(chunk[: HEAD - self._position])
        if self._position + len(chunk) > tail_starts:
            self._file.write(chunk[max(0, tail_starts - self._position) :])


def _extension(path: str) -> str:
    """Return the extension of `path` if it may be one: formats without signature are known by it alone."""
    name = path.rpartition("/")[2]
    extension = name.rpartition(".")[2] if "." in name else ""
    plain = extension.isascii() and extension.isalnum() and len(extension) <= _LONGEST_EXTENSION
    return f".{extension}" if plain else ""
