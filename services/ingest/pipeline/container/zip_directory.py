"""Iterate over a ZIP by its central directory, distrusting what it says."""

import bisect
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.limits import MIB, Limits
from services.ingest.pipeline.container import zip_records as records
from services.ingest.pipeline.container.entries import Entry
from services.ingest.pipeline.container.faults import CONTAINER, ContainerFault, corrupt, truncated
from services.ingest.pipeline.container.meter import Meter
from services.ingest.pipeline.container.names import printable
from services.ingest.pipeline.container.zip_entry import open_entry

# The longest comment a ZIP may end with, and the end record itself.
_TAIL = 0xFFFF + records.END.size


@dataclass(frozen=True, slots=True)
class _Directory:
    """Where the central directory stands, and how many entries it announces."""

    offset: int
    length: int
    count: int


def zip_entries(path: Path, limits: Limits) -> Iterator[Entry]:
    """Yield the entries of the ZIP at `path` in the order of its directory.

    Any of them can be opened at any time during the pass; one that is not what the directory says ends with a
    `ContainerFault`.
    """
    with path.open("rb", buffering=MIB // 8) as file:
        size = os.fstat(file.fileno()).st_size
        directory = _find_directory(file, size)
        if not directory.count:
            raise ContainerFault(found("CONTAINER_EMPTY", CONTAINER))
        starts = _survey(file, directory, limits, size)
        for header in _headers(file, directory):
            end = starts.end_of(header.offset)
            yield Entry(
                header.name,
                header.kind,
                header.size,
                partial(open_entry, file.fileno(), header, end),
                _fault(header),
            )


def _fault(header: records.DirectoryEntry) -> Finding | None:
    place = printable(header.name)
    if header.encrypted:
        return found("CONTAINER_ENCRYPTED", place)
    if header.method not in {records.STORED, records.DEFLATED}:
        return found("CONTAINER_COMPRESSION", place, method=str(header.method))
    return None


@dataclass(frozen=True, slots=True)
class _Starts:
    """Where each entry starts, sorted: none may reach into the next, nor into the directory."""

    offsets: "array[int]"
    directory: int

    def end_of(self, offset: int) -> int:
        """Return where the entry that starts at `offset` must end at the latest."""
        index = bisect.bisect_right(self.offsets, offset)
        if index > 1 and self.offsets[index - 2] == offset:
            raise corrupt("two entries share their bytes")
        return self.offsets[index] if index < len(self.offsets) else self.directory


def _survey(file: BinaryIO, directory: _Directory, limits: Limits, size: int) -> _Starts:
    """Count and sum before anything is yielded, so that a bomb is refused before its first byte."""
    meter = Meter(limits)
    offsets = array("Q")
    total = 0
    for header in _headers(file, directory):
        meter.entry()
        total += header.size
        meter.expanded(total, size)
        if header.offset >= directory.offset:
            raise corrupt("an entry starts after the directory")
        offsets.append(header.offset)
    return _Starts(array("Q", sorted(offsets)), directory.offset)


def _headers(file: BinaryIO, directory: _Directory) -> Iterator[records.DirectoryEntry]:
    position, end = directory.offset, directory.offset + directory.length
    for _ in range(directory.count):
        # Entries opened between two headers read by position and do not move us.
        file.seek(position)
        fixed = file.read(records.CENTRAL.size)
        if len(fixed) != records.CENTRAL.size or fixed[:4] != b"PK\x01\x02":
            raise corrupt("the directory announces more entries than it has")
        fields = records.CENTRAL.unpack(fixed)
        name, extra = file.read(fields[12]), file.read(fields[13])
        position += records.CENTRAL.size + fields[12] + fields[13] + fields[14]
        if position > end or len(extra) != fields[13]:
            raise corrupt("a directory entry is longer than the directory")
        yield records.read_central(fixed, name, extra)
    if position != end:
        raise corrupt("the directory has more entries than it announces")


def _find_directory(file: BinaryIO, size: int) -> _Directory:
    start = max(0, size - _TAIL)
    file.seek(start)
    tail = file.read(_TAIL)
    position = tail.rfind(b"PK\x05\x06")
    while position >= 0:
        if len(tail) - position >= records.END.size:
            end = records.END.unpack_from(tail, position)
            if position + records.END.size + end[7] == len(tail):
                return _directory_of(file, end, start + position)
        position = tail.rfind(b"PK\x05\x06", 0, position)
    raise truncated()


def _directory_of(file: BinaryIO, end: tuple[int, ...], position: int) -> _Directory:
    """Read the end record at `position`, and the ZIP64 one before it when there is one.

    Some writers add it without being forced to: so it is looked for always, and the two must agree.
    """
    fields = end[1:7]
    large = _large_end(file, position)
    if large is not None:
        if any(small != wide and not records.is_full(small) for small, wide in zip(fields, large, strict=False)):
            raise corrupt("the ZIP and ZIP64 end records disagree")
        fields, position = large[:6], large[6]
    disk, directory_disk, here, count, length, offset = fields
    if disk or directory_disk or here != count:
        raise corrupt("a part of a ZIP in several parts")
    if offset + length != position:
        raise corrupt("the directory is not where the end of the ZIP says")
    return _Directory(offset, length, count)


def _large_end(file: BinaryIO, position: int) -> tuple[int, int, int, int, int, int, int] | None:
    file.seek(max(0, position - records.END64_LOCATOR.size))
    locator = file.read(records.END64_LOCATOR.size)
    if position < records.END64_LOCATOR.size or locator[:4] != b"PK\x06\x07":
        return None
    where = records.END64_LOCATOR.unpack(locator)[2]
    if where + records.END64.size > position:
        raise corrupt("the ZIP64 end record is not where it should be")
    file.seek(where)
    fields = records.END64.unpack(file.read(records.END64.size))
    if fields[0] != b"PK\x06\x06":
        raise corrupt("the ZIP64 end record is not where it should be")
    disk, directory_disk, here, count, length, offset = fields[4:10]
    return disk, directory_disk, here, count, length, offset, where
