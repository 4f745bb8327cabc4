"""The streams of an OLE2 file (the documents of Office until 2003, and the wrapping of those encrypted since).

Norm: MS-CFB, 2.2 (header), 2.3 to 2.5 (FAT, mini FAT, DIFAT), 2.6 (directory). Every chain has a bound.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEADER: Final = struct.Struct("<8s16sHHHHH6sIIIIIIIIII")
_LAST_SECTOR: Final = 0xFFFFFFFA
_MOST_SECTORS: Final = 4096
"""Of one chain: a directory of 16,000 entries, a table of half a million sectors."""


class NotOle2(ValueError):
    """The bytes are no OLE2 file, or not all of it."""


@dataclass(frozen=True, slots=True)
class _Stream:
    """Where a stream starts, and how many bytes it has."""

    start: int
    size: int


class Ole2:
    """The directory of an OLE2 file, and the beginnings of its streams."""

    def __init__(self, content: mmap.mmap) -> None:
        """Read the directory. Raises `NotOle2`."""
        self._content = content
        header = content[: _HEADER.size]
        if len(header) < _HEADER.size or not header.startswith(MAGIC):
            raise NotOle2
        fields = _HEADER.unpack(header)
        shift, mini_shift = fields[5], fields[6]
        if shift not in {9, 12} or mini_shift != 6:
            raise NotOle2
        self._sector = 1 << shift
        self._cutoff = fields[12]
        self._fat = self._fat_sectors(fields[15])
        self._mini_fat = self._chain(fields[13])
        self._root = _Stream(_LAST_SECTOR, 0)
        self._streams = dict(self._entries(self._chain(fields[10])))

    def __contains__(self, name: str) -> bool:
        return name in self._streams

    def beginning(self, name: str, size: int) -> bytes:
        """Return the first `size` bytes (some kilobytes) of the stream `name`, fewer if it has no more.

        Raises `NotOle2` where the file lacks them.
        """
        stream = self._streams.get(name, _Stream(_LAST_SECTOR, 0))
        size = min(size, stream.size)
        if stream.size >= self._cutoff:
            sectors = self._chain(stream.start, -(-size // self._sector))
            return b"".join(self._read(sector) for sector in sectors)[:size]
        return b"".join(self._mini_sectors(stream.start, -(-size // 64)))[:size]

    def _read(self, sector: int) -> bytes:
        start = (sector + 1) * self._sector
        data = self._content[start : start + self._sector]
        if not data:
            raise NotOle2
        return data

    def _fat_sectors(self, difat: int) -> tuple[int, ...]:
        """Return the sectors of the FAT: 109 of them in the header, the others in a chain of their own."""
        sectors = list(struct.unpack("<109I", self._content[76:512].ljust(436, b"\xff")))
        for _ in range(_MOST_SECTORS):
            if difat >= _LAST_SECTOR:
                break
            data = self._read(difat)
            *more, difat = struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4])
            sectors += more
        return tuple(sector for sector in sectors if sector < _LAST_SECTOR)

    def _next(self, table: tuple[int, ...], sector: int) -> int:
        index, place = divmod(sector, self._sector // 4)
        if index >= len(table):
            raise NotOle2
        entry = self._read(table[index])[place * 4 : place * 4 + 4]
        return int.from_bytes(entry, "little") if len(entry) == 4 else _LAST_SECTOR

    def _chain(self, sector: int, most: int = _MOST_SECTORS) -> tuple[int, ...]:
        """Return the sectors of a chain, at most so many: a loop ends there."""
        chain: list[int] = []
        while sector < _LAST_SECTOR and len(chain) < most:
            chain.append(sector)
            sector = self._next(self._fat, sector)
        return tuple(chain)

    def _entries(self, sectors: tuple[int, ...]) -> Iterator[tuple[str, _Stream]]:
        for sector in sectors:
            data = self._read(sector)
            for at in range(0, len(data) - 127, 128):
                length, kind = struct.unpack_from("<HB", data, at + 64)
                start, size = struct.unpack_from("<II", data, at + 116)
                if kind == 5:
                    self._root = _Stream(start, size)
                elif kind in {1, 2}:
                    name = data[at : at + min(max(length - 2, 0), 62)].decode("utf-16-le", "replace")
                    yield name, _Stream(start, size if kind == 2 else 0)

    def _mini_sectors(self, sector: int, most: int) -> Iterator[bytes]:
        inside = self._chain(self._root.start)
        for _ in range(most):
            if sector >= _LAST_SECTOR:
                return
            index, place = divmod(sector * 64, self._sector)
            if index >= len(inside):
                raise NotOle2
            yield self._read(inside[index])[place : place + 64]
            sector = self._next(self._mini_fat, sector)
