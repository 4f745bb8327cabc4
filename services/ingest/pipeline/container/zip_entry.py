"""The bytes of one ZIP entry: expanded as they are read, never more than declared, checked at the end."""

import io
import os
import zlib
from typing import BinaryIO

from typing_extensions import override

from services.ingest.domain.finding_texts import found
from services.ingest.domain.limits import MIB
from services.ingest.pipeline.container import zip_records as records
from services.ingest.pipeline.container.faults import ContainerFault, corrupt, truncated
from services.ingest.pipeline.container.names import printable


def open_entry(descriptor: int, header: records.DirectoryEntry, end: int) -> BinaryIO:
    """Open an entry whose bytes must end at `end` at the latest.

    Raises `ContainerFault` when its local header tells another story than the directory.
    """
    start = _start_of_data(descriptor, header)
    if start + header.packed > end:
        raise corrupt("two entries share their bytes", printable(header.name))
    raw = _Packed(descriptor, start, header.packed)
    if header.method == records.STORED:
        if header.packed != header.size:
            raise corrupt("a stored entry has two sizes", printable(header.name))
        return io.BufferedReader(_Checked(raw, header), MIB)
    return io.BufferedReader(_Checked(_Inflated(raw), header), MIB)


def _start_of_data(descriptor: int, header: records.DirectoryEntry) -> int:
    fixed = os.pread(descriptor, records.LOCAL.size, header.offset)
    if len(fixed) != records.LOCAL.size or fixed[:4] != b"PK\x03\x04":
        raise corrupt("no local header where the directory says", printable(header.name))
    fields = records.LOCAL.unpack(fixed)
    flags, method, packed, size = fields[2], fields[3], fields[7], fields[8]
    name = os.pread(descriptor, fields[9], header.offset + records.LOCAL.size)
    # With bit 3 sizes come after the data; with ZIP64 they are in an extra field: only plain ones compare.
    plain = not flags & 8 and not {packed, size} & {0xFFFFFFFF}
    if (name, method) != (header.raw_name, header.method) or (
        plain and (packed, size) != (header.packed, header.size)
    ):
        raise ContainerFault(found("CONTAINER_HEADERS_DISAGREE", printable(header.name)))
    return int(header.offset + records.LOCAL.size + fields[9] + fields[10])


class _Packed:
    """The bytes of an entry as they stand in the ZIP, read by position."""

    def __init__(self, descriptor: int, start: int, length: int) -> None:
        self._descriptor = descriptor
        self._position = start
        self._left = length

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end."""
        wanted = min(size, self._left)
        if not wanted:
            return b""
        data = os.pread(self._descriptor, wanted, self._position)
        if not data:
            raise truncated()
        self._position += len(data)
        self._left -= len(data)
        return data


class _Inflated:
    """The expanded bytes of a deflated entry, in pieces no longer than asked for."""

    def __init__(self, packed: _Packed) -> None:
        self._packed = packed
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end."""
        while not self._inflate.eof:
            fed = self._inflate.unconsumed_tail or self._packed.read(MIB // 4)
            try:
                data = self._inflate.decompress(fed, size)
            except zlib.error as error:
                raise corrupt("damaged compression") from error
            if data:
                return data
            if not fed:
                raise truncated()
        return b""


class _Checked(io.RawIOBase):
    """An entry's expanded bytes: exactly as many as declared, with the declared CRC."""

    def __init__(self, source: _Packed | _Inflated, header: records.DirectoryEntry) -> None:
        super().__init__()
        self._source = source
        self._header = header
        self._left = header.size
        self._crc = 0

    @override
    def readable(self) -> bool:
        """Say that this stream is to be read."""
        return True

    @override
    def readinto(self, buffer: "bytearray | memoryview[int]", /) -> int:  # type: ignore[override]
        """Fill `buffer` as far as the entry goes."""
        # One byte more than declared is asked for, to see an entry that hides bytes behind its size.
        data = self._source.read(min(len(buffer), self._left + 1))
        if len(data) > self._left:
            raise corrupt("an entry is larger than declared", printable(self._header.name))
        self._crc = zlib.crc32(data, self._crc)
        self._left -= len(data)
        if not data and (self._left or self._crc != self._header.crc):
            raise corrupt("wrong size or checksum", printable(self._header.name))
        buffer[: len(data)] = data
        return len(data)
