"""Whether a RAR is encrypted: its names too, or one of its files.

Source: RAR 5.0 archive format and the TechNote of RAR 4 (block flags), by the author of RAR.
"""

import mmap
import struct
from typing import Final

MAGIC: Final = b"Rar!\x1a\x07"
_RAR5: Final = MAGIC + b"\x01\0"
_MOST_BLOCKS: Final = 100_000
_MOST_RECORDS: Final = 64
"""In the extra area of one header: RAR 5 knows seven kinds."""
_MAIN4, _FILE4 = 0x73, 0x74
_ENCRYPTED_HEADERS4, _ENCRYPTED_FILE4, _LARGE4, _MORE4 = 0x0080, 0x0004, 0x0100, 0x8000
_FILE5, _SERVICE5, _ENCRYPTION5 = 2, 3, 4
_EXTRA5, _DATA5 = 1, 2
_ENCRYPTION_RECORD5 = 1


def is_rar_encrypted(content: mmap.mmap, readable: int) -> bool:
    """Say whether a RAR needs a password; False also where its blocks are damaged before one that does.

    Blocks are read as far as they begin in the first `readable` bytes: behind them the file may lack its middle.
    """
    read, position = (_read5, len(_RAR5)) if content[: len(_RAR5)] == _RAR5 else (_read4, len(MAGIC) + 1)
    try:
        for _ in range(_MOST_BLOCKS):
            if position >= readable:
                return False
            length, is_encrypted = read(content, position)
            if is_encrypted:
                return True
            position += length
    except (struct.error, IndexError):
        pass  # the end, or bytes that are no block
    return False


def _read4(content: mmap.mmap, position: int) -> tuple[int, bool]:
    """Return the length of the block at `position`, what follows it included, and whether it tells of encryption."""
    kind, flags, length = struct.unpack("<BHH", content[position + 2 : position + 7])
    if length < 7:
        raise IndexError
    if flags & _MORE4:
        length += struct.unpack("<I", content[position + 7 : position + 11])[0]
        if kind == _FILE4 and flags & _LARGE4:
            length += struct.unpack("<I", content[position + 32 : position + 36])[0] << 32
    sealed = {_MAIN4: _ENCRYPTED_HEADERS4, _FILE4: _ENCRYPTED_FILE4}.get(kind, 0)
    return length, bool(flags & sealed)


def _read5(content: mmap.mmap, position: int) -> tuple[int, bool]:
    size, start = _number(content, position + 4)
    end = start + size
    kind, at = _number(content, start)
    flags, at = _number(content, at)
    extra, at = _number(content, at) if flags & _EXTRA5 else (0, at)
    data, at = _number(content, at) if flags & _DATA5 else (0, at)
    if not size:
        raise IndexError
    is_file = kind in {_FILE5, _SERVICE5}
    sealed = kind == _ENCRYPTION5 or (is_file and _has_encryption(content, max(at, end - extra), end))
    return end + data - position, sealed


def _has_encryption(content: mmap.mmap, position: int, end: int) -> bool:
    """Look for an encryption record in the extra area of a header."""
    for _ in range(_MOST_RECORDS):
        if position >= end:
            break
        size, start = _number(content, position)
        kind, _ = _number(content, start)
        if kind == _ENCRYPTION_RECORD5:
            return True
        position = start + max(size, 1)
    return False


def _number(content: mmap.mmap, position: int) -> tuple[int, int]:
    """Read a number in groups of seven bits; return it and the place behind it. Raises IndexError."""
    value = 0
    for count in range(10):
        byte = content[position + count]
        value |= (byte & 0x7F) << 7 * count
        if not byte & 0x80:
            return value, position + count + 1
    raise IndexError
