"""What the two ends of a ZIP tell: whether files of it are encrypted, and their names.

Norm: PKWARE APPNOTE 6.3.10, 4.3.7 (local headers), 4.3.12 (directory), 4.3.14 and 4.3.16 (its end), 4.4.4 (flags).
"""

import mmap
from collections.abc import Iterator

from services.ingest.pipeline.container import zip_records as records
from services.ingest.pipeline.container.faults import ContainerFault


def entries_at_ends(content: mmap.mmap, readable: int) -> Iterator[tuple[str, bool]]:
    """Yield names of files of a ZIP and whether each is encrypted: the first one's, then those of its directory.

    `content` lacks its middle, behind `readable` bytes; a directory that reaches into it is not read.
    """
    local = content[: records.LOCAL.size]
    if len(local) == records.LOCAL.size:
        fields = records.LOCAL.unpack(local)
        name = content[records.LOCAL.size : records.LOCAL.size + fields[9]]
        yield name.decode(errors="surrogateescape"), bool(fields[2] & 1)
    position, length = _directory(content)
    end = position + length
    while readable <= position and position + records.CENTRAL.size <= end:
        fixed = content[position : position + records.CENTRAL.size]
        if not fixed.startswith(b"PK\x01\x02"):
            return
        names, extras, comments = records.CENTRAL.unpack(fixed)[12:15]
        position += records.CENTRAL.size
        extra = content[position + names : position + names + extras]
        try:
            entry = records.read_central(fixed, content[position : position + names], extra)
        except ContainerFault:
            return
        yield entry.name, entry.encrypted
        position += names + extras + comments


def _directory(content: mmap.mmap) -> tuple[int, int]:
    """Return where the directory stands in what is left of the file, and its length: 0 where there is none."""
    end = content.rfind(b"PK\x05\x06")
    if end < 0 or end + records.END.size > len(content):
        return 0, 0
    length = records.END.unpack(content[end : end + records.END.size])[5]
    large = content.rfind(b"PK\x06\x06", max(0, end - 4096), end)
    if large >= 0 and large + records.END64.size <= end:
        end, length = large, records.END64.unpack(content[large : large + records.END64.size])[8]
    return max(0, end - length), length
