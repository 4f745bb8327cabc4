"""What keeps a document of Office.

Norms: MS-OFFCRYPTO, 1.3.2 (documents since 2007: an OLE2 file with a stream EncryptedPackage); MS-DOC, 2.5.2
(FibBase.fEncrypted); MS-XLS, 2.4.117 (FilePass); MS-PPT, 2.3.2 (CurrentUserAtom.headerToken).
"""

import mmap
import re
import struct

from services.ingest.pipeline.locks.excel import opens_by_itself
from services.ingest.pipeline.locks.lock import Lock
from services.ingest.pipeline.locks.ole2 import NotOle2, Ole2

_NAMES = ("EncryptedPackage", "EncryptedSummary")
# For files of which the directory is not there: the names of streams as the directory would have them.
_NAMED = re.compile(b"|".join(name.encode("utf-16-le") for name in _NAMES))
_WORD, _IS_ENCRYPTED = 0xA5EC, 0x0100
_FILE_PASS, _MOST_RECORDS = 0x002F, 64
_ENCRYPTED_SLIDES = 0xF3D1C4DF


def office_lock(content: mmap.mmap) -> Lock:
    """Return what keeps an OLE2 file; `content` may lack its middle."""
    try:
        file = Ole2(content)
        if any(name in file for name in _NAMES) or _is_word(file) or _is_slides(file):
            return Lock.LOCKED
        file_pass = _file_pass(file)
    except NotOle2:
        return Lock.NONE if _NAMED.search(content) is None else Lock.LOCKED
    if file_pass is None:
        return Lock.NONE
    return Lock.PROTECTED if opens_by_itself(file_pass) else Lock.LOCKED


def _is_word(file: Ole2) -> bool:
    base = file.beginning("WordDocument", 12)
    return len(base) == 12 and base[:2] == _WORD.to_bytes(2, "little") and bool(base[11] & _IS_ENCRYPTED >> 8)


def _file_pass(file: Ole2) -> bytes | None:
    """Return the content of FilePass, None without one: it stands before all that it encrypts."""
    records = file.beginning("Workbook", 4096) or file.beginning("Book", 4096)
    position = 0
    for _ in range(_MOST_RECORDS):
        if position + 4 > len(records):
            return None
        kind, length = struct.unpack_from("<HH", records, position)
        if kind == _FILE_PASS:
            return records[position + 4 : position + 4 + length]
        position += 4 + length
    return None


def _is_slides(file: Ole2) -> bool:
    atom = file.beginning("Current User", 16)
    return len(atom) == 16 and int.from_bytes(atom[12:], "little") == _ENCRYPTED_SLIDES
