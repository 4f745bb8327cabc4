"""The bytes of one compressed file: gzip, bzip2 or xz."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

from services.ingest.domain.limits import MIB

COMPRESSIONS: Final = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
"""How each begins: RFC 1952, 2.3.1; bzip2's own documentation; the .xz file format, 2.1.1.1."""

_XZ_MEMORY: Final = 96 * MIB
"""What the strongest setting of xz takes is 65 MiB; a file may ask for 4 GiB."""


class Unreadable(Exception):
    """The compressed bytes are damaged, cut short, or ask for too much memory."""


def expand(path: Path, kind: str, most: int) -> Iterator[bytes]:
    """Yield the bytes that the file at `path` stands for, a megabyte at a time, until there are more than `most`.

    Of an xz, the first stream. Raises `Unreadable`.
    """
    taken = 0
    with path.open("rb") as file:
        try:
            for chunk in _chunks(file, kind):
                yield chunk
                taken += len(chunk)
                if taken > most:
                    return
        except (EOFError, zlib.error, lzma.LZMAError) as error:
            raise Unreadable from error
        except OSError as error:
            # gzip and bz2 tell of damaged data by an OSError without errno; with one, the disk is at fault.
            if error.errno is not None:
                raise
            raise Unreadable from error


def _chunks(file: BinaryIO, kind: str) -> Iterator[bytes]:
    if kind == "xz":
        yield from _xz(file)
    elif kind == "gzip":
        with gzip.GzipFile(fileobj=file, mode="rb") as expanded:
            yield from _read(cast("BinaryIO", expanded))
    else:
        with bz2.BZ2File(file, mode="rb") as expanded_bz2:
            yield from _read(cast("BinaryIO", expanded_bz2))


def _read(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(MIB):
        yield chunk


def _xz(file: BinaryIO) -> Iterator[bytes]:
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    while not decoder.eof:
        packed = file.read(MIB) if decoder.needs_input else b""
        if decoder.needs_input and not packed:
            raise EOFError
        yield decoder.decompress(packed, MIB)
