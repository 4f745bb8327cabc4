"""The digest of bytes as they are written, without those that stand between two marks."""

import hashlib
from dataclasses import dataclass
from secrets import token_hex


@dataclass(frozen=True, slots=True)
class Marks:
    """Two texts that no document holds, since they are made by chance for one reading."""

    begin: bytes
    end: bytes


def new_marks() -> Marks:
    """Return marks."""
    return Marks(b"[%s[" % token_hex(16).encode(), b"]%s]" % token_hex(16).encode())


class Hashing:
    """A file to be written to, of which only a digest is kept: of all but what stands between two marks."""

    def __init__(self, algorithm: str, marks: Marks) -> None:
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self._marks = marks
        self._kept = b""
        self._within = False
        self.size = 0

    def write(self, content: bytes) -> int:
        """Take the next bytes."""
        self.size += len(content)
        self._kept += content
        while (place := self._kept.find(self._next)) >= 0:
            self._take(place)
            self._kept = self._kept[len(self._next) :]
            self._within = not self._within
        # The end of what came may be the beginning of a mark.
        self._take(max(0, len(self._kept) - len(self._next)))
        return len(content)

    def digest(self) -> bytes:
        """Return the digest, once everything is written."""
        self._take(len(self._kept))
        return self._hash.digest()

    @property
    def _next(self) -> bytes:
        return self._marks.end if self._within else self._marks.begin

    def _take(self, count: int) -> None:
        if not self._within:
            self._hash.update(self._kept[:count])
        self._kept = self._kept[count:]
