"""What can be told of a file from its own bytes besides its format: that it is encrypted, that it is an archive.

Archives are opened in search of encrypted files and of further archives, within bounds: bytes unpacked, entries,
levels. 7z and RAR are told of, with the passwords that their headers tell of, and not opened.

Norms: `locks`, a module a format; OpenDocument 1.3 part 2, 3.4.1; PKWARE APPNOTE, 4.4.4 (bit 0 of an entry's flags).
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.limits import MIB, Limits
from services.ingest.domain.sip import ContainerFormat
from services.ingest.pipeline.compressed import COMPRESSIONS, Unreadable, expand
from services.ingest.pipeline.container.entries import Entry, EntryKind
from services.ingest.pipeline.container.faults import ContainerFault
from services.ingest.pipeline.container.tar_entries import tar_entries
from services.ingest.pipeline.container.tar_headers import BLOCK, looks_like_tar
from services.ingest.pipeline.container.zip_directory import zip_entries
from services.ingest.pipeline.locks import ole2, rar, seven_zip
from services.ingest.pipeline.locks.lock import Lock
from services.ingest.pipeline.locks.office import office_lock
from services.ingest.pipeline.locks.pdf import pdf_lock
from services.ingest.pipeline.locks.zip_ends import entries_at_ends
from services.ingest.pipeline.specimen import HEAD

_ZIP: Final = b"PK\x03\x04"
# Archives that are told of and not opened.
_CLOSED: Final = {seven_zip.MAGIC: "7z", rar.MAGIC: "RAR"}
# Entries by which a ZIP is a document of some format, not somebody's folder.
_DOCUMENTS: Final = frozenset({"[Content_Types].xml", "mimetype", "META-INF/manifest.xml", "META-INF/MANIFEST.MF"})
_LIMITS: Final = Limits(max_files=100_000, max_expanded_bytes=1024 * MIB)
_LARGEST_INNER: Final = 64 * MIB
_MANIFEST_READ: Final = MIB
_HEAD_READ: Final = 1024


@dataclass(slots=True)
class _Search:
    """Looking into one file of the package: how deep archives may stand in it, what may be unpacked and read yet."""

    place: str
    most: int
    left: int = 256 * MIB
    entries: int = 20_000

    def is_over(self) -> bool:
        """Count one more entry; say whether they are too many."""
        self.entries -= 1
        return self.entries < 0

    def archive(self, kind: str, level: int) -> Iterator[Finding]:
        """Say of an archive that it is one, if it is the file itself, and that it is too deep, if it is."""
        if level == 1:
            yield found("FORMAT_ARCHIVE", self.place, kind=kind)
        if level > self.most:
            yield found("FORMAT_ARCHIVE_TOO_DEEP", self.place, limit=str(self.most))

    def encrypted(self, kind: str) -> Finding:
        """Say that the file, or one within it, is encrypted."""
        return found("FORMAT_ENCRYPTED", self.place, kind=kind)

    def unseen(self, kind: str) -> Finding:
        """Say that an archive was not opened, or not to its end."""
        return found("FORMAT_ARCHIVE_UNSEEN", self.place, kind=kind)


def look_inside(specimen: Path, place: str, most: int, *, whole: bool) -> list[Finding]:
    """Say of the file `place` whether it is encrypted or an archive; `specimen` is its bytes, or its two ends only.

    Archives may stand in archives `most` levels deep, the file itself being the first: a compressed TAR is one.
    Writes beside `specimen`.
    """
    search = _Search(place, most)
    told = _in_file(specimen, search, 1) if whole else _at_ends(specimen, search)
    return list({(each.code, each.params.get("kind")): each for each in told}.values())


def _kind(head: bytes) -> str:
    """Return what may be in a file that begins with `head`: a name as findings use it, empty for nothing."""
    if head.startswith(_ZIP):
        return "ZIP"
    if b"%PDF-" in head:
        return "PDF"
    if head.startswith(ole2.MAGIC):
        return "Office"
    begun = next((kind for mark, kind in (COMPRESSIONS | _CLOSED).items() if head.startswith(mark)), "")
    return begun or ("TAR" if looks_like_tar(head[:BLOCK]) else "")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_READ)


def _in_file(path: Path, search: _Search, level: int) -> Iterator[Finding]:
    """Look into a file that is whole, in archives on `level` - 1 levels."""
    kind = _kind(_head(path))
    if kind == "ZIP":
        yield from _in_zip(path, search, level)
    elif kind == "TAR":
        yield from search.archive(kind, level)
        if level <= search.most:
            yield from _in_tar(path, search, level)
    elif kind in COMPRESSIONS.values():
        yield from search.archive(kind, level)
        if level <= search.most:
            yield from _in_compressed(path, kind, search, level)
    elif kind:
        yield from _locked(path, kind, search, level, whole=True)


def _at_ends(path: Path, search: _Search) -> Iterator[Finding]:
    """Look at a file of the package of which only the two ends are there."""
    kind = _kind(_head(path))
    if kind == "ZIP":
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            entries = dict(entries_at_ends(content, HEAD))
        if any(entries.values()):
            yield search.encrypted(kind)
        if not _DOCUMENTS.isdisjoint(entries):
            return
    if kind in {"ZIP", "TAR", *COMPRESSIONS.values()}:
        yield from search.archive(kind, 1)
        yield search.unseen(kind)
    elif kind:
        yield from _locked(path, kind, search, 1, whole=False)


def _locked(path: Path, kind: str, search: _Search, level: int, *, whole: bool) -> Iterator[Finding]:
    """Look at a file that is never opened: a PDF, an old or encrypted document of Office, a 7z, a RAR."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if kind in {"PDF", "Office"}:
            lock = pdf_lock(content) if kind == "PDF" else office_lock(content)
            is_encrypted = lock is Lock.LOCKED
            if lock is Lock.PROTECTED and level == 1:
                yield found("FORMAT_PROTECTED", search.place)
        elif kind == "7z":
            is_encrypted = seven_zip.is_7z_encrypted(content, whole=whole)
        else:
            is_encrypted = rar.is_rar_encrypted(content, len(content) if whole else HEAD)
    if kind in _CLOSED.values():
        yield from search.archive(kind, level)
        yield search.unseen(kind)
    if is_encrypted:
        yield search.encrypted(kind)


def _in_zip(path: Path, search: _Search, level: int) -> Iterator[Finding]:
    try:
        names = frozenset(entry.name for entry in zip_entries(path, _LIMITS))
        if names.isdisjoint(_DOCUMENTS):
            yield from search.archive("ZIP", level)
            if level > search.most:
                return
        for entry in zip_entries(path, _LIMITS):
            if search.is_over():
                yield search.unseen("ZIP")
                return
            yield from _in_entry(path, entry, search, level)
    except ContainerFault:
        # Damaged, or beyond our limits: whoever opens it will see; the format identifier has had its say.
        return


def _in_entry(path: Path, entry: Entry, search: _Search, level: int) -> Iterator[Finding]:
    if entry.fault is not None:
        if entry.fault.code == "CONTAINER_ENCRYPTED":
            yield search.encrypted("ZIP")
    elif entry.name == "META-INF/manifest.xml":
        with entry.open() as stream:
            if b"encryption-data" in stream.read(_MANIFEST_READ):
                yield search.encrypted("OpenDocument")
    elif entry.size and level <= search.most:  # a document too deep to be opened is looked at, not into
        try:
            with entry.open() as stream:
                yield from _in_inner(path, stream, entry.size, search, level)
        except ContainerFault:
            return  # this entry is damaged: the next may be whole


def _in_tar(path: Path, search: _Search, level: int) -> Iterator[Finding]:
    try:
        for entry in tar_entries(path, ContainerFormat.TAR, _LIMITS):
            if search.is_over():
                yield search.unseen("TAR")
                return
            if entry.kind is EntryKind.FILE and entry.size:
                with entry.open() as stream:
                    yield from _in_inner(path, stream, entry.size, search, level)
    except ContainerFault:
        return


def _in_compressed(path: Path, kind: str, search: _Search, level: int) -> Iterator[Finding]:
    """Look into what a compressed file stands for; a TAR in it is of the same level."""
    expanded = path.with_name(f"expanded-{level}")
    try:
        size = _write(expanded, expand(path, kind, search.left))
        if size > search.left:
            yield search.unseen(kind)
        elif looks_like_tar(_head(expanded)[:BLOCK]):
            search.left -= size
            yield from _in_tar(expanded, search, level)
        else:
            search.left -= size
            yield from _in_file(expanded, search, level + 1)
    except Unreadable:
        return
    finally:
        expanded.unlink(missing_ok=True)


def _in_inner(path: Path, stream: BinaryIO, size: int, search: _Search, level: int) -> Iterator[Finding]:
    """Look into one file of the archive at `path`: on disk, if there may be something in it."""
    head = stream.read(_HEAD_READ)
    kind = _kind(head)
    if not kind:
        return
    if size > min(_LARGEST_INNER, search.left):
        yield search.unseen(kind)
        return
    search.left -= size
    inner = path.with_name(f"inside-{level}")
    try:
        _write(inner, _from(head, stream))
        yield from _in_file(inner, search, level + 1)
    finally:
        inner.unlink(missing_ok=True)


def _from(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    yield head
    while chunk := stream.read(MIB):
        yield chunk


def _write(path: Path, chunks: Iterator[bytes]) -> int:
    """Write a file and return its size in bytes."""
    with path.open("wb") as file:
        return sum(file.write(chunk) for chunk in chunks)
