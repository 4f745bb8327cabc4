"""Iterate over a TAR, compressed or not, one entry at a time, holding none."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from typing_extensions import override

from services.ingest.domain.finding_texts import found
from services.ingest.domain.limits import MIB, Limits
from services.ingest.domain.sip import ContainerFormat
from services.ingest.pipeline.container.entries import Entry, EntryKind
from services.ingest.pipeline.container.faults import CONTAINER, ContainerFault, corrupt, truncated
from services.ingest.pipeline.container.forward import Forward, open_forward
from services.ingest.pipeline.container.meter import Meter
from services.ingest.pipeline.container.tar_headers import (
    BLOCK,
    TarHeader,
    absurd,
    looks_like_tar,
    read_header,
    read_pax,
)

# Long names and pax records: a few kilobytes in honest TARs.
_MAX_METADATA = MIB
# Metadata entries before one entry (a long name, a long link, pax, pax for all), and pax records of an entry, on the
# average: honest TARs have three, and a dozen.
_MAX_PREFACES = 8
_PAX_RECORDS = 20
_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL = b"LKxg"


@dataclass(slots=True)
class _Pending:
    """What the metadata entries before an entry say of it."""

    name: str | None = None
    size: int | None = None
    sparse: bool = False
    prefaces: int = 0

    def apply(self, header: TarHeader) -> TarHeader:
        """Return `header` as its metadata entries correct it."""
        name = header.name if self.name is None else self.name
        return replace(header, name=name, size=header.size if self.size is None else self.size)


def tar_entries(path: Path, container_format: ContainerFormat, limits: Limits) -> Iterator[Entry]:
    """Yield the entries of the TAR at `path` in order; the bytes of one are gone when the next is asked for."""
    meter = Meter(limits)
    with open_forward(path, container_format, limits) as stream:
        first = stream.read(BLOCK)
        if not looks_like_tar(first):
            # A compressed file without a TAR in it, or an empty TAR.
            empty = len(first) == BLOCK and not any(first)
            raise ContainerFault(found("CONTAINER_EMPTY" if empty else "CONTAINER_NOT_AN_ARCHIVE", CONTAINER))
        for header, sparse in _headers(stream, first, meter, limits):
            content = _Content(stream, header.size)
            kind = EntryKind.SPECIAL if sparse else header.kind
            yield Entry(header.name, kind, header.size, content.open)
            stream.skip(content.left)
            stream.skip(-header.size % BLOCK)
        stream.drain()


def _headers(stream: Forward, first: bytes, meter: Meter, limits: Limits) -> Iterator[tuple[TarHeader, bool]]:
    """Yield each entry's header, corrected, and whether it is sparse; the caller consumes the content."""
    pending, left = _Pending(), _PAX_RECORDS * limits.max_files
    block = first
    while any(block):
        header = read_header(block)
        if header.flag in {_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL}:
            left -= _note(pending, header, _metadata(stream, header))
            if left < 0 or pending.prefaces > _MAX_PREFACES:
                raise absurd()
        else:
            meter.entry()
            yield pending.apply(header), pending.sparse
            pending = _Pending()
        block = stream.exactly(BLOCK)


def _metadata(stream: Forward, header: TarHeader) -> bytes:
    if header.size > _MAX_METADATA:
        raise absurd()
    data = stream.exactly(header.size)
    stream.skip(-header.size % BLOCK)
    return data


def _note(pending: _Pending, header: TarHeader, data: bytes) -> int:
    """Keep what a metadata entry says, and return how many pax records it has."""
    pending.prefaces += 1
    records: list[tuple[str, str]] = []
    if header.flag == _LONG_NAME:
        pending.name = data.partition(b"\0")[0].decode(errors="surrogateescape")
    elif header.flag == _PAX:
        records = read_pax(data)
        _note_pax(pending, dict(records))
    return len(records)


def _note_pax(pending: _Pending, records: Mapping[str, str]) -> None:
    pending.name = records.get("path", pending.name)
    pending.sparse = any(key.startswith("GNU.sparse.") for key in records)
    size = records.get("size")
    if size is not None:
        if not (size.isascii() and size.isdigit() and len(size) < 20):
            raise corrupt("unreadable size in a TAR header")
        pending.size = int(size)


class _Content(io.RawIOBase):
    """The bytes of one entry, as far as they were not read yet."""

    def __init__(self, stream: Forward, size: int) -> None:
        super().__init__()
        self._stream = stream
        self.left = size

    def open(self) -> BinaryIO:
        """Return the content as a stream; it can be read once."""
        return io.BufferedReader(self, MIB)

    @override
    def readable(self) -> bool:
        """Say that this stream is to be read."""
        return True

    @override
    def readinto(self, buffer: "bytearray | memoryview[int]", /) -> int:  # type: ignore[override]
        """Fill `buffer` as far as the entry goes. Raises `ContainerFault` when the TAR ends before."""
        wanted = min(len(buffer), self.left)
        if not wanted:
            return 0
        data = self._stream.read(wanted)
        if not data:
            raise truncated()
        buffer[: len(data)] = data
        self.left -= len(data)
        return len(data)
