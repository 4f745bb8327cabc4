"""Files behind a password, made by hand where no free software writes them: OLE2 documents and RAR archives."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_SECTOR, _MINI, _CUTOFF = 512, 64, 4096


def a_zip(*entries: tuple[str, bytes]) -> bytes:
    """Write a ZIP of these files (name, content)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in entries:
            package.writestr(name, content)
    return out.getvalue()


def an_ole2(streams: Mapping[str, bytes]) -> bytes:
    """Write an OLE2 file: one sector of FAT, one of mini FAT, the directory, then the streams."""
    small = {name: data for name, data in streams.items() if len(data) < _CUTOFF}
    directory_sectors = -(-(1 + len(streams)) // 4)
    fat = [_FAT, _END, *_chain(2, directory_sectors)]
    mini, mini_fat, starts = b"", list[int](), dict[str, int]()
    for name, data in small.items():
        starts[name] = len(mini_fat)
        mini_fat += _chain(len(mini_fat), -(-len(data) // _MINI))
        mini += _padded(data, _MINI)
    body, root = b"", len(fat)
    for name, data in {"": mini, **streams}.items():
        if name not in small and data:
            starts[name] = len(fat)
            fat += _chain(len(fat), -(-len(data) // _SECTOR))
            body += _padded(data, _SECTOR)
    root = starts.get("", _END)
    entries = [_entry("Root Entry", 5, root, len(mini))]
    entries += [_entry(name, 2, starts.get(name, _END), len(data)) for name, data in streams.items()]
    header = OLE2 + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<9I", 0, 1, 2, 0, _CUTOFF, 1, 1, _END, 0) + struct.pack("<109I", 0, *[_FREE] * 108)
    return header + _table(fat) + _table(mini_fat) + _padded(b"".join(entries), _SECTOR) + body


def _chain(start: int, count: int) -> list[int]:
    return [*range(start + 1, start + count), _END] if count else []


def _table(entries: list[int]) -> bytes:
    assert len(entries) <= 128
    return struct.pack("<128I", *entries, *[_FREE] * (128 - len(entries)))


def _padded(data: bytes, unit: int) -> bytes:
    return data + bytes(-len(data) % unit)


def _entry(name: str, kind: int, start: int, size: int) -> bytes:
    written = (name + "\0").encode("utf-16-le")
    return written.ljust(64, b"\0") + struct.pack("<HB49xIQ", len(written), kind, start, size)


def a_doc(*, encrypted: bool, size: int = 5000) -> bytes:
    """Write the beginning of a Word document (MS-DOC, FibBase)."""
    base = struct.pack("<HHHHHH", 0xA5EC, 0xC1, 0, 0, 0, 0x1200 | (0x0100 if encrypted else 0))
    return an_ole2({"1Table": b"t" * 5000, "WordDocument": base.ljust(size, b"w")})


def an_xls(*, encrypted: bool, stream: str = "Workbook", size: int = 5000, file_pass: bytes = b"\x01\x00") -> bytes:
    """Write the beginning of an Excel workbook (MS-XLS): BOF, perhaps FilePass, CodePage."""
    records = struct.pack("<HH16x", 0x0809, 16)
    records += struct.pack("<HH", 0x2F, len(file_pass)) + file_pass if encrypted else b""
    records += struct.pack("<HHH", 0x42, 2, 1252)
    return an_ole2({stream: records.ljust(size, b"\0")})


def a_ppt(*, encrypted: bool) -> bytes:
    """Write the streams of a PowerPoint presentation that tell of its encryption (MS-PPT, CurrentUserAtom)."""
    token = 0xF3D1C4DF if encrypted else 0xE391C05F
    atom = struct.pack("<HHIII", 0, 0x0FF6, 24, 20, token) + bytes(16)
    return an_ole2({"PowerPoint Document": b"p" * 5000, "Current User": atom})


def a_rar4(*, names: bool = False, files: bool = False, first: int = 10) -> bytes:
    """Write a RAR 4: two files of `first` and 10 bytes, the second of them encrypted, or all with their names."""
    blocks = b"Rar!\x1a\x07\0" + _block4(0x73, 0x80 if names else 0, bytes(6))
    for size, flags in ((first, 0), (10, 4 if files else 0)):
        fields = struct.pack("<IIBIIBBHI", size, size, 2, 0, 0, 29, 0x30, 1, 0) + b"a"
        blocks += _block4(0x74, 0x8000 | flags, fields) + bytes(size)
    return blocks + _block4(0x7B, 0x4000, b"")


def _block4(kind: int, flags: int, fields: bytes) -> bytes:
    body = struct.pack("<BHH", kind, flags, 7 + len(fields)) + fields
    return struct.pack("<H", zlib.crc32(body) & 0xFFFF) + body


def a_rar5(*, names: bool = False, files: bool = False) -> bytes:
    """Write a RAR 5: two files of 10 bytes, the second of them encrypted, or all with their names."""
    blocks = b"Rar!\x1a\x07\x01\0"
    blocks += _block5(bytes([4, 0, 0, 0, 15]) + bytes(16)) if names else b""
    blocks += _block5(bytes([1, 0, 0]))
    for extra in (bytes([2, 3, 0]), bytes([34, 1, 0, 0, 15]) + bytes(32)):
        is_sealed = files or extra[1] != 1
        record = extra if is_sealed else b""
        fields = bytes([0, 10, 0, 0, 0, 1]) + b"a"
        blocks += _block5(bytes([2, 3, len(record), 10]) + fields + record) + bytes(10)
    return blocks + _block5(bytes([5, 0, 0]))


def _block5(body: bytes) -> bytes:
    sized = bytes([len(body)]) + body
    return struct.pack("<I", zlib.crc32(sized)) + sized
