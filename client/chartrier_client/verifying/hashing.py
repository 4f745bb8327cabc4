"""Digests of what streams by, in as many algorithms as are asked for, read once."""

import hashlib
from collections.abc import Callable, Iterable
from typing import IO, Final

PIECE: Final = 1 << 20


class Measured:
    """A stream that is hashed as it is read."""

    def __init__(self, stream: IO[bytes], algorithms: Iterable[str]) -> None:
        self._stream = stream
        self._digests = {name: hashlib.new(name) for name in algorithms}
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, no more than a piece of them."""
        content = self._stream.read(PIECE if size < 0 else min(size, PIECE))
        self.size += len(content)
        for digest in self._digests.values():
            digest.update(content)
        return content

    def to_the_end(self, tell: Callable[[bytes], object] | None = None) -> dict[str, bytes]:
        """Read what is left, and return all digests."""
        while content := self.read(PIECE):
            if tell is not None:
                tell(content)
        return {name: digest.digest() for name, digest in self._digests.items()}


def digests_of(content: bytes, algorithms: Iterable[str]) -> dict[str, bytes]:
    """Return the digests of bytes at hand."""
    return {name: hashlib.new(name, content).digest() for name in algorithms}
