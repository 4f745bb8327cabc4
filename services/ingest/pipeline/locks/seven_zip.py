"""Whether a 7z is encrypted: its names too, or its files only.

Source: 7zFormat.txt and Methods.txt of the LZMA SDK (archive structures; method 06F10701, AES-256 with SHA-256).
"""

import lzma
import mmap
from typing import Final

MAGIC: Final = b"7z\xbc\xaf\x27\x1c"
_START: Final = 32
_LARGEST: Final = 1024**2
"""Of headers, packed or not: some 10,000 files."""

# A coder as it is written: its identifier has four bytes, and attributes behind it.
_AES: Final = b"\x24\x06\xf1\x07\x01"
_ENCODED, _PACK, _UNPACK, _FOLDER, _SIZES = 0x17, 0x06, 0x07, 0x0B, 0x09
_LZMA: Final = b"\x23\x03\x01\x01\x05"
_LZMA2: Final = b"\x21\x21\x01"


def is_7z_encrypted(content: mmap.mmap, *, whole: bool) -> bool:
    """Say whether a 7z needs a password; False also where that cannot be told (a header larger than 1 MiB).

    Without its middle, an archive is taken to end with its header, as all that are written in one go do.
    """
    offset, size = (int.from_bytes(content[at : at + 8], "little") for at in (12, 20))
    if not 0 < size <= _LARGEST:
        return False
    position = _START + offset if whole else len(content) - size
    header = content[position : position + size]
    if _AES in header:
        return True
    return header[:1] == bytes([_ENCODED]) and _AES in _decoded(content, header, position - _START - offset)


def _decoded(content: mmap.mmap, header: bytes, shift: int) -> bytes:
    """Return the header that a packed one stands for, nothing where it is packed in an unusual way."""
    try:
        start, size, method = _packed(header)
        start += _START + shift
        if size > _LARGEST or start < 0:
            return b""
        decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[method])
        return decoder.decompress(content[start : start + size], _LARGEST)
    except (IndexError, ValueError, lzma.LZMAError):
        return b""


def _packed(header: bytes) -> tuple[int, int, dict[str, int]]:
    """Return where a packed header stands behind the start, its length, and how it is packed.

    Raises IndexError when it is not one stream of LZMA or LZMA2, as 7-Zip and others pack headers.
    """
    fields = _Fields(header, 1)
    fields.expect(_PACK)
    start = fields.number()
    fields.expect(1, _SIZES)
    size = fields.number()
    fields.expect(0, _UNPACK, _FOLDER, 1, 0, 1)
    coder = header[fields.position :]
    # Of what is read, no distance is longer than the whole: a larger dictionary would only be memory.
    if coder.startswith(_LZMA2):
        return start, size, {"id": lzma.FILTER_LZMA2, "dict_size": _LARGEST}
    fields.expect(*_LZMA)
    model = header[fields.position]
    return (
        start,
        size,
        {
            "id": lzma.FILTER_LZMA1,
            "dict_size": _LARGEST,
            "lc": model % 9,
            "lp": model // 9 % 5,
            "pb": model // 45,
        },
    )


class _Fields:
    """Bytes of a header, read one after the other; IndexError at what is not expected, or not there."""

    def __init__(self, header: bytes, position: int) -> None:
        self._header = header
        self.position = position

    def expect(self, *values: int) -> None:
        """Pass over bytes that have to be these."""
        for value in values:
            if self._header[self.position] != value:
                raise IndexError
            self.position += 1

    def number(self) -> int:
        """Read a number: the ones that its first byte begins with count the bytes that follow."""
        first = self._header[self.position]
        following = 8 - (~first & 0xFF).bit_length()
        self.position += 1 + following
        low = self._header[self.position - following : self.position]
        if len(low) < following:
            raise IndexError
        high = first & (0x7F >> following)
        return int.from_bytes(low, "little") | high << 8 * following
