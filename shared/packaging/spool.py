"""Documents of an AIP while their length and digest are not all known yet."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile

from shared.packaging.tar import CHUNK


class Spool:
    """A document measured while it is written, then read back; in memory up to 1 MiB, then in a deleted file.

    The file is in `folder`, or wherever the system likes. Use it as a context manager; it is gone on exit.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = SpooledTemporaryFile[bytes](max_size=CHUNK, dir=None if folder is None else str(folder))
        self._digest = hashlib.sha512()
        self.size = 0

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: bytes, /) -> int:
        """Append `data`."""
        self._digest.update(data)
        self.size += len(data)
        return self._file.write(data)

    @property
    def sha512(self) -> str:
        """Return the SHA-512 in hex of what was written so far."""
        return self._digest.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        """Read everything back from the beginning."""
        self._file.seek(0)
        while chunk := self._file.read(CHUNK):
            yield chunk

    def lines(self) -> Iterator[bytes]:
        """Read everything back, line by line; lines keep their LF."""
        self._file.seek(0)
        yield from self._file


class Measure:
    """A sink that only counts: to learn how long a document will be."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: bytes, /) -> int:
        """Count `data` and drop it."""
        self.size += len(data)
        return len(data)
