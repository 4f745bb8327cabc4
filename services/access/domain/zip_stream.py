"""A ZIP written as its parts come: nothing is kept but what has not been taken yet.

Entries are stored, not deflated: archived files mostly are compressed already, and the bytes then depend on no
version of zlib. Times are fixed, so the same contents give the same package.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16


class _Sink:
    """Where `zipfile` writes; it has no past, so sizes follow each entry (data descriptors)."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep the next bytes of the package until they are taken."""
        self.waiting.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing to do: bytes leave when they are taken."""


class ZipStream:
    """A package being written; call `take` often."""

    def __init__(self) -> None:
        self._sink = _Sink()
        # typeshed asks for seek and tell, zipfile does not.
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_STORED)  # type: ignore[call-overload]

    @contextmanager
    def entry(self, name: str, size: int) -> Iterator[IO[bytes]]:
        """Open the next entry; `size`, even if approximate, decides whether it needs ZIP64."""
        facts = zipfile.ZipInfo(name, _EPOCH)
        facts.external_attr = _MODE
        facts.create_system = 3
        facts.file_size = size
        with self._zip.open(facts, "w") as handle:
            yield handle

    def take(self) -> bytes:
        """Return what was written since the last time."""
        data = b"".join(self._sink.waiting)
        self._sink.waiting.clear()
        return data

    def close(self) -> None:
        """Write the directory; take what is left afterwards."""
        self._zip.close()
