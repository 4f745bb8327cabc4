"""Go through a package entry by entry, trusting none: ZIP, TAR, TAR.GZ and TAR.BZ2, within bounds."""

import bz2
import errno
import gzip
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final, Literal, cast

from chartrier_client.checking.findings import ContainerFault, LocalFinding, found

GIB: Final = 1 << 30
MOST_ENTRIES: Final = 200_000
MOST_BYTES: Final = 220 * GIB
MOST_RATIO: Final = 200
RATIO_FLOOR: Final = GIB >> 2
LONGEST_PATH: Final = 1024
# What we read at once; a reader of TAR that asks for more was told so by a header made to fill its memory.
CHUNK: Final = 1 << 20
LARGEST_DIRECTORY: Final = MOST_ENTRIES * (LONGEST_PATH + 128)

PACKAGE: Final = "."
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})

DAMAGES: Final = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)
STUMBLES: Final = (IndexError, LookupError, OverflowError, ValueError, struct.error)

Kind = Literal["file", "folder", "link", "special"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as the container announces it; `open` is to be used before the next one is asked for."""

    name: str
    kind: Kind
    size: int
    open: Callable[[], IO[bytes]]
    faults: tuple[LocalFinding, ...] = ()

    @property
    def path(self) -> str:
        """The name without empty and `.` segments."""
        return "/".join(part for part in self.name.split("/") if part not in {"", "."})


@contextmanager
def opened_entries(path: Path) -> Iterator[Iterator[Entry]]:
    """Give the entries of a package; raises `ContainerFault` where it cannot be read any further, `OSError` too."""
    with path.open("rb") as file, ExitStack() as stack:
        start = file.read(512)
        file.seek(0)
        try:
            if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
                entries = _zip_entries(file, stack)
            else:
                entries = _tar_entries(_expanded(file, start, stack), stack)
            yield _metered(_guarded(entries), path.stat().st_size)
        except DAMAGES as error:
            raise ContainerFault(found("CONTAINER_CORRUPT", PACKAGE, reason=error)) from error
        except OSError as error:
            # Readers say «invalid data» by the exception of a failing disk, whose errors have a number.
            if error.errno not in {None, errno.EINVAL}:
                raise
            raise ContainerFault(found("CONTAINER_CORRUPT", PACKAGE, reason=error)) from error


def _guarded(entries: Iterator[Entry]) -> Iterator[Entry]:
    """Give the entries until the reader stumbles: nonsense makes the standard library fail in any way."""
    try:
        yield from entries
    except STUMBLES as error:
        raise ContainerFault(found("CONTAINER_CORRUPT", PACKAGE, reason=error)) from error


def _opened(open_it: Callable[[], IO[bytes]]) -> IO[bytes]:
    try:
        return open_it()
    except STUMBLES as error:
        raise ContainerFault(found("CONTAINER_CORRUPT", PACKAGE, reason=error)) from error


def _metered(entries: Iterator[Entry], size: int) -> Iterator[Entry]:
    total = 0
    for number, entry in enumerate(entries, start=1):
        total += entry.size
        if number > MOST_ENTRIES:
            raise ContainerFault(found("CONTAINER_TOO_MANY_FILES", PACKAGE, limit=MOST_ENTRIES))
        if total > MOST_BYTES:
            raise ContainerFault(found("CONTAINER_TOO_LARGE", PACKAGE, limit=MOST_BYTES))
        if total > RATIO_FLOOR and total > MOST_RATIO * size:
            raise ContainerFault(found("CONTAINER_RATIO", PACKAGE, limit=MOST_RATIO))
        yield entry


def name_faults(entry: Entry) -> Iterator[LocalFinding]:
    """Say why an entry of this name cannot be taken: it could leave its folder, or cannot be kept."""
    name, place = entry.name, printable(entry.name)
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        yield found("CONTAINER_ABSOLUTE_PATH", place)
    if ".." in name.split("/"):
        yield found("CONTAINER_TRAVERSAL", place)
    if "\\" in name:
        yield found("CONTAINER_BACKSLASH", place)
    if _FORBIDDEN.search(name) or (not entry.path and entry.kind != "folder"):
        yield found("CONTAINER_BAD_NAME", place)
    if len(name.encode(errors="surrogatepass")) > LONGEST_PATH:
        yield found("CONTAINER_PATH_TOO_LONG", place, limit=LONGEST_PATH)
    if entry.kind == "link":
        yield found("CONTAINER_LINK", place)
    if entry.kind == "special":
        yield found("CONTAINER_SPECIAL_FILE", place)


def printable(name: str) -> str:
    """Return a name as a terminal may show it."""
    shown = _FORBIDDEN.sub("\ufffd", name)
    return shown if len(shown) <= 200 else f"{shown[:197]}…"


def _zip_entries(file: IO[bytes], stack: ExitStack) -> Iterator[Entry]:
    package = stack.enter_context(zipfile.ZipFile(cast("IO[bytes]", _Measured(file, most=LARGEST_DIRECTORY))))
    for info in package.infolist():
        mode = info.external_attr >> 16
        kind: Kind = "folder" if info.is_dir() else "link" if stat.S_ISLNK(mode) else "file"
        place = printable(info.filename)
        faults = [found("CONTAINER_ENCRYPTED", place)] if info.flag_bits & 1 else []
        faults += [found("CONTAINER_COMPRESSION", place)] if info.compress_type not in _METHODS else []
        yield Entry(
            info.orig_filename, kind, info.file_size, partial(_opened, partial(package.open, info)), tuple(faults)
        )


def _expanded(file: IO[bytes], start: bytes, stack: ExitStack) -> IO[bytes]:
    if start.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", stack.enter_context(gzip.open(file)))
    if start.startswith(b"BZh"):
        return cast("IO[bytes]", stack.enter_context(bz2.open(file)))
    if start[257:262] != b"ustar":
        raise ContainerFault(found("CONTAINER_NOT_AN_ARCHIVE", PACKAGE))
    return file


class _Measured:
    """A stream that gives no reader more than it should ever ask for at once.

    A reader of ZIP takes the directory in one piece and makes an object of each entry: they are counted before.
    """

    def __init__(self, stream: IO[bytes], most: int = CHUNK) -> None:
        self._stream = stream
        self._most = most
        self.tell = stream.tell
        self.seek = stream.seek
        self.seekable = stream.seekable

    def read(self, size: int = -1) -> bytes:
        if size > self._most:
            raise ContainerFault(found("CONTAINER_CORRUPT", PACKAGE, reason=f"{size} > {self._most}"))
        content = self._stream.read(size)
        if len(content) > CHUNK and content.count(b"PK\x01\x02") > MOST_ENTRIES:
            raise ContainerFault(found("CONTAINER_TOO_MANY_FILES", PACKAGE, limit=MOST_ENTRIES))
        return content


def _tar_entries(stream: IO[bytes], stack: ExitStack) -> Iterator[Entry]:
    package = stack.enter_context(tarfile.TarFile(fileobj=cast("IO[bytes]", _Measured(stream))))
    for info in package:
        # Reading keeps every header it has met: with many files they would weigh more than any of them.
        package.members = []  # type: ignore[attr-defined]  # (typeshed does not know it; tarfile documents no other way)
        kind: Kind = "file" if info.isreg() else "folder" if info.isdir() else "link" if _is_link(info) else "special"
        yield Entry(info.name, kind, info.size if info.isreg() else 0, partial(_extracted, package, info))


def _is_link(info: tarfile.TarInfo) -> bool:
    return info.issym() or info.islnk()


def _extracted(package: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    stream = package.extractfile(info)
    if stream is None:
        raise tarfile.ReadError(info.name)
    return stream
