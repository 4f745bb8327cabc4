"""What can be told of a file from its own bytes besides its format: that it is encrypted, that it is an archive.

Norms: ISO 32000-2, 7.5.5 (a PDF's trailer); MS-OFFCRYPTO, 1.3.2 (an encrypted Office document is an OLE2 file with a
stream EncryptedPackage); OpenDocument 1.3 part 2, 3.4.1; PKWARE APPNOTE, 4.4.4 (bit 0 of a ZIP entry's flags).
"""

import mmap
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.limits import MIB, Limits
from services.ingest.pipeline.container.entries import Entry
from services.ingest.pipeline.container.faults import ContainerFault
from services.ingest.pipeline.container.zip_directory import zip_entries

_ZIP: Final = b"PK\x03\x04"
_OLE2: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PDF_ENCRYPTED = re.compile(rb"/Encrypt\s*(?:\d+\s+\d+\s+R|<<)")
_OFFICE_ENCRYPTED = re.compile(
    b"|".join(name.encode("utf-16-le") for name in ("EncryptedPackage", "EncryptedSummary"))
)
# The beginnings of archives that are told of and not looked into; a TAR has its mark behind the first name.
_ARCHIVES: Final = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
}
_TAR_MARK = slice(257, 262)
# Entries by which a ZIP is a document of some format, not somebody's folder.
_DOCUMENTS: Final = frozenset({"[Content_Types].xml", "mimetype", "META-INF/manifest.xml", "META-INF/MANIFEST.MF"})
_LIMITS: Final = Limits(max_files=100_000, max_expanded_bytes=1024 * MIB)
_LARGEST_INNER: Final = 64 * MIB
_MANIFEST_READ: Final = MIB


@dataclass(slots=True)
class _Search:
    """Looking into one file of the package: how deep archives may stand in it, how many bytes may be unpacked yet."""

    place: str
    most: int
    left: int = 256 * MIB


def look_inside(specimen: Path, place: str, most: int, *, whole: bool) -> list[Finding]:
    """Say of the file `place` whether it is encrypted or an archive; `specimen` is its bytes, or its two ends only.

    Archives may stand in archives `most` levels deep, the file itself being the first. Writes beside `specimen`.
    """
    with specimen.open("rb") as file:
        head = file.read(1024)
    if head.startswith(_ZIP):
        told = _in_zip(specimen, _Search(place, most), 1) if whole else ()
        return list({(each.code, each.params.get("kind")): each for each in told}.values())
    if b"%PDF-" in head:
        return _matching(specimen, _PDF_ENCRYPTED, found("FORMAT_PROTECTED", place))
    if head.startswith(_OLE2):
        return _matching(specimen, _OFFICE_ENCRYPTED, found("FORMAT_ENCRYPTED", place, kind="Office"))
    kind = next((name for mark, name in _ARCHIVES.items() if head.startswith(mark)), None)
    kind = "TAR" if head[_TAR_MARK] == b"ustar" else kind
    return [] if kind is None else [found("FORMAT_ARCHIVE", place, kind=kind)]


def _matching(specimen: Path, pattern: re.Pattern[bytes], finding: Finding) -> list[Finding]:
    with specimen.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return [finding] if pattern.search(content) else []


def _in_zip(path: Path, search: _Search, level: int) -> Iterator[Finding]:
    try:
        names = frozenset(entry.name for entry in zip_entries(path, _LIMITS))
        if names.isdisjoint(_DOCUMENTS):
            yield found("FORMAT_ARCHIVE", search.place, kind="ZIP")
            if level > search.most:
                yield found("FORMAT_ARCHIVE_TOO_DEEP", search.place, limit=str(search.most))
                return
        for entry in zip_entries(path, _LIMITS):
            yield from _in_entry(path, entry, search, level)
    except ContainerFault:
        # Damaged, or beyond our limits: whoever opens it will see; the format identifier has had its say.
        return


def _in_entry(path: Path, entry: Entry, search: _Search, level: int) -> Iterator[Finding]:
    if entry.fault is not None:
        if entry.fault.code == "CONTAINER_ENCRYPTED":
            yield found("FORMAT_ENCRYPTED", search.place, kind="ZIP")
    elif entry.name == "META-INF/manifest.xml":
        with entry.open() as stream:
            if b"encryption-data" in stream.read(_MANIFEST_READ):
                yield found("FORMAT_ENCRYPTED", search.place, kind="OpenDocument")
    elif 0 < entry.size <= min(_LARGEST_INNER, search.left):
        yield from _in_inner(path, entry, search, level)


def _in_inner(path: Path, entry: Entry, search: _Search, level: int) -> Iterator[Finding]:
    with entry.open() as stream:
        head = stream.read(len(_ZIP))
        if head != _ZIP:
            return
        search.left -= entry.size
        inner = path.with_name(f"inside-{level}")
        with inner.open("wb") as out:
            out.write(head)
            shutil.copyfileobj(stream, out, MIB)
    yield from _in_zip(inner, search, level + 1)
    inner.unlink()
