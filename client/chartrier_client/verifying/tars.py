"""The TARs of proofs: a few members in a known order, and not one byte that says nothing (POSIX.1-2017, ustar)."""

import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Final

from chartrier_client.verifying.checks import Malformed

BLOCK: Final = 512
PIECE: Final = 1 << 20


@dataclass(slots=True)
class Member:
    """A member being read: its content is to be taken before the next one is asked for."""

    name: str
    size: int
    stream: IO[bytes]
    left: int

    def read(self, most: int) -> bytes:
        """Return the whole content; raises `Malformed` where it is longer than `most`, or cut."""
        if self.size > most:
            raise Malformed("too_large", limit=most)
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        """Give the content piece by piece."""
        while self.left:
            piece = self.stream.read(min(self.left, PIECE))
            if not piece:
                raise Malformed("tar_cut")
            self.left -= len(piece)
            yield piece

    def exactly(self, size: int) -> bytes:
        """Return the next bytes, fewer at the end of the member."""
        wanted = min(size, self.left)
        piece = self.stream.read(wanted)
        if len(piece) != wanted:
            raise Malformed("tar_cut")
        self.left -= wanted
        return piece

    def lines(self, longest: int) -> Iterator[bytes]:
        """Give the lines, without their line feeds; raises `Malformed` where one is too long or has none."""
        while self.left:
            line = self.stream.readline(min(self.left, longest + 1))
            self.left -= len(line)
            if not line.endswith(b"\n"):
                raise Malformed("line_without_end")
            yield line[:-1]


def members(stream: IO[bytes], names: Iterable[str]) -> Iterator[Member]:
    """Give the members of a TAR, which have to be these, in this order; raises `Malformed` for any other TAR."""
    for name in names:
        member = _member(stream)
        if member.name != name:
            raise Malformed("tar_members", found=member.name, expected=name)
        yield member
        for _ in member.pieces():
            pass
        if any(stream.read(-member.size % BLOCK)):
            raise Malformed("tar_padding")
    while piece := stream.read(PIECE):
        if any(piece):
            raise Malformed("tar_padding")


def _member(stream: IO[bytes]) -> Member:
    header = stream.read(BLOCK)
    try:
        info = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
    except (tarfile.TarError, UnicodeError, ValueError) as error:
        raise Malformed("tar_unreadable") from error
    total = sum(header[:148]) + sum(header[156:]) + 8 * ord(" ")
    written = {b"%06o\0 " % total, b"%07o\0" % total, b"%06o \0" % total}
    if header[148:156] not in written or info.type != tarfile.REGTYPE or info.size < 0:
        raise Malformed("tar_unreadable")
    return Member(info.name, info.size, stream, info.size)
