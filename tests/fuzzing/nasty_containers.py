"""Containers that are all one thing, of about as many bytes as asked for: what costs a reader of archives most."""

import gzip
import io
import struct
import tarfile
import zipfile
from bz2 import compress
from collections.abc import Callable, Iterator
from typing import Final


def _block(name: bytes, size: int, flag: bytes = b"0", magic: bytes = b"ustar\x0000") -> bytes:
    """Return a TAR header with a right checksum."""
    header = bytearray(512)
    header[0 : len(name[:100])] = name[:100]
    header[100:108] = b"0000644\0"
    header[124:136] = b"%011o\0" % size
    header[148:156] = b" " * 8
    header[156:157] = flag
    header[257:265] = magic
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def _entry(name: bytes, content: bytes, flag: bytes = b"0") -> bytes:
    return _block(name, len(content), flag) + content + bytes(-len(content) % 512)


def _pax(**values: str) -> bytes:
    lines = b""
    for key, value in values.items():
        rest = f" {key}={value}\n".encode(errors="surrogateescape")
        length = len(rest) + 1
        while len(str(length)) + len(rest) != length:
            length = len(str(length)) + len(rest)
        lines += str(length).encode() + rest
    return _entry(b"pax", lines, b"x")


def _tar_gz(parts: Iterator[bytes], size: int) -> bytes:
    """Compress parts into about `size` bytes of TAR before compression, which may shrink a hundred times."""
    out, left = io.BytesIO(), size
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0) as packed:
        for part in parts:
            packed.write(part)
            left -= len(part)
            if left < 0:
                break
        packed.write(_entry(b"manifest.xml", b"<x/>") + bytes(1024))
    return out.getvalue()


def _numbers() -> Iterator[int]:
    yield from range(10**9)


def _many_entries(size: int) -> bytes:
    return _tar_gz((_block(b"f%d" % n, 0) for n in _numbers()), size)


def _signed_checksums(size: int) -> bytes:
    """Names whose bytes some old writers summed as signed numbers."""

    def parts() -> Iterator[bytes]:
        for n in _numbers():
            header = bytearray(_block(b"\xe9%d" % n, 0))
            header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * 32 + sum(header[156:]) - 256)
            yield bytes(header)

    return _tar_gz(parts(), size)


def _many_pax_records(size: int) -> bytes:
    records = b"6 a=b\n" * (1024**2 // 6)
    return _tar_gz((_entry(b"pax", records, b"x") + _block(b"f%d" % n, 0) for n in _numbers()), size)


def _pax_without_end(size: int) -> bytes:
    return _tar_gz((_pax(path="x") for _ in _numbers()), size)


def _long_names(size: int) -> bytes:
    """Names of a mebibyte each, all of combining marks."""
    name = "\u0301\u0323" * (1024**2 // 4 - 100)
    return _tar_gz((_pax(path=f"{name}{n}") + _block(b"f", 0) for n in _numbers()), size)


def _longest_names(size: int) -> bytes:
    """Names as long as they may be, each different, of characters that take four bytes in memory."""
    name = "\U0001f5c4" + "x" * 1000
    return _tar_gz((_pax(path=f"{name}{n}") + _block(b"f", 0) for n in _numbers()), size)


def _deep_folders(size: int) -> bytes:
    return _tar_gz((_pax(path=f"{n}{'/a' * 500}") + _block(b"f", 0) for n in _numbers()), size)


def _manifests(size: int) -> bytes:
    """Names of manifests, first in folders, then beside each other."""

    def parts() -> Iterator[bytes]:
        for n in _numbers():
            name = b"%d/manifest.xml" % n if n < size // 1536 else b"a%d_manifest.xml" % n
            yield _entry(name, b"<x/>")

    return _tar_gz(parts(), size)


def _bad_names(size: int) -> bytes:
    return _tar_gz((_block(b"/..\\../\x01/%d" % n, 0) for n in _numbers()), size)


def _empty_members(size: int) -> bytes:
    one = gzip.compress(b"", mtime=0)
    return gzip.compress(_entry(b"manifest.xml", b"<x/>"), mtime=0) + one * (size // len(one))


def _empty_streams(size: int) -> bytes:
    one = compress(b"")
    return compress(_entry(b"manifest.xml", b"<x/>")) + one * (size // len(one))


def _zeros_behind(size: int) -> bytes:
    return gzip.compress(_entry(b"manifest.xml", b"<x/>"), mtime=0) + bytes(size)


def _zeros(size: int) -> bytes:
    return gzip.compress(_block(b"manifest.xml", 10**9) + bytes(size * 16), 1, mtime=0)


def _zip(size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("manifest.xml", b"<x/>")
        for n in range(size // 110):
            package.writestr(zipfile.ZipInfo(f"f{n}"), b"")
    return out.getvalue()


def _zip_of_ends(size: int) -> bytes:
    """Ends of a ZIP in its end, none of which is right."""
    return b"PK\x03\x04" + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 1, 1, 9) * (size // 22)


def _zip_of_long_names(size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("manifest.xml", b"<x/>")
        for n in range(size // 120_000):
            package.writestr(zipfile.ZipInfo("x" * 60_000 + str(n)), b"")
    return out.getvalue()


def _old_tar(size: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for n in range(size // 2048):
            tar.addfile(tarfile.TarInfo(f"{'x' * 120}{n}"))
    return out.getvalue()


NASTY: Final[dict[str, Callable[[int], bytes]]] = {
    "entries of a TAR": _many_entries,
    "signed checksums of a TAR": _signed_checksums,
    "long names of GNU": _old_tar,
    "pax records": _many_pax_records,
    "pax headers without an entry": _pax_without_end,
    "names of a mebibyte": _long_names,
    "names as long as may be": _longest_names,
    "folders in folders": _deep_folders,
    "manifests without end": _manifests,
    "names of every fault": _bad_names,
    "gzip members of nothing": _empty_members,
    "bzip2 streams of nothing": _empty_streams,
    "zeros behind a gzip": _zeros_behind,
    "zeros": _zeros,
    "entries of a ZIP": _zip,
    "ends of a ZIP": _zip_of_ends,
    "long names of a ZIP": _zip_of_long_names,
}
"""What each is, and how to make one; of TARs that are compressed the size is that before compression."""
