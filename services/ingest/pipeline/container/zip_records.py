"""ZIP records as bytes: the end of the central directory, its headers, the local headers.

Norm: PKWARE APPNOTE 6.3.10, §4.3 to §4.5; Info-ZIP's extra field 7075 (Unicode path).
"""

import stat
import struct
import zlib
from dataclasses import dataclass

from services.ingest.pipeline.container.entries import EntryKind
from services.ingest.pipeline.container.faults import corrupt

END = struct.Struct("<4s4H2LH")
END64_LOCATOR = struct.Struct("<4sLQL")
END64 = struct.Struct("<4sQ2H2L4Q")
CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
LOCAL = struct.Struct("<4s5H3L2H")

STORED, DEFLATED = 0, 8
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_UNIX = 3
_ZIP64, _UNICODE_PATH, _AES = 0x0001, 0x7075, 0x9901


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """One header of the central directory, sizes and offset already those of ZIP64."""

    raw_name: bytes
    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    mode: int
    encrypted: bool

    @property
    def kind(self) -> EntryKind:
        """Return what the entry is, by its Unix mode when it has one, else by its name."""
        file_type = stat.S_IFMT(self.mode)
        if file_type == stat.S_IFLNK:
            return EntryKind.LINK
        if self.name.endswith("/") or file_type == stat.S_IFDIR:
            return EntryKind.FOLDER
        return EntryKind.FILE if file_type in {0, stat.S_IFREG} else EntryKind.SPECIAL


@dataclass(frozen=True, slots=True)
class Extras:
    """The extra fields that matter."""

    zip64: bytes
    unicode_path: bytes
    aes: bool


def read_central(fixed: bytes, name: bytes, extra: bytes) -> DirectoryEntry:
    """Read one central header. Raises `ContainerFault` when a ZIP64 field is missing."""
    fields = CENTRAL.unpack(fixed)
    host, flags, method, crc = fields[2], fields[5], fields[6], fields[9]
    extras = _extras(extra)
    size, packed, offset = _large(extras.zip64, fields[11], fields[10], fields[18])
    return DirectoryEntry(
        raw_name=name,
        name=_name(name, flags, extras.unicode_path),
        flags=flags,
        method=method,
        crc=crc,
        packed=packed,
        size=size,
        offset=offset,
        mode=fields[17] >> 16 if host == _UNIX else 0,
        encrypted=bool(flags & 0x2041) or extras.aes,
    )


def _extras(extra: bytes) -> Extras:
    found: dict[int, bytes] = {}
    position = 0
    while position + 4 <= len(extra):
        key, length = struct.unpack_from("<HH", extra, position)
        found.setdefault(key, extra[position + 4 : position + 4 + length])
        position += 4 + length
    return Extras(found.get(_ZIP64, b""), found.get(_UNICODE_PATH, b""), _AES in found)


def _large(zip64: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Replace each full 32-bit field by its 64-bit one; they come in this order, only those needed."""
    values = [size, packed, offset]
    position = 0
    for index, value in enumerate(values):
        if value == _FULL32:
            if len(zip64) < position + 8:
                raise corrupt("ZIP64 sizes are missing")
            (values[index],) = struct.unpack_from("<Q", zip64, position)
            position += 8
    return values[0], values[1], values[2]


def _name(raw: bytes, flags: int, unicode_path: bytes) -> str:
    """Decode a name: by its UTF-8 flag, else Info-ZIP's Unicode path, else UTF-8 if it is, else code page 437.

    Many tools write UTF-8 without its flag; a name in code page 437 that happens to be UTF-8 is not French.
    """
    if flags & 0x800:
        return raw.decode(errors="surrogateescape")
    if unicode_path[:1] == b"\1" and unicode_path[1:5] == struct.pack("<L", zlib.crc32(raw)):
        return unicode_path[5:].decode(errors="surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp437")


def is_full(value: int) -> bool:
    """Say whether a 16- or 32-bit field of the end record says "see ZIP64"."""
    return value in {_FULL16, _FULL32}
