"""Whether a document of Office is encrypted.

Norms: MS-OFFCRYPTO, 1.3.2 (documents since 2007: an OLE2 file with a stream EncryptedPackage); MS-DOC, 2.5.2
(FibBase.fEncrypted); MS-XLS, 2.4.117 (FilePass); MS-PPT, 2.3.2 (CurrentUserAtom.headerToken).
"""

import mmap
import re
import struct

from services.ingest.pipeline.locks.ole2 import NotOle2, Ole2

_NAMES = ("EncryptedPackage", "EncryptedSummary")
# For files of which the directory is not there: the names of streams as the directory would have them.
_NAMED = re.compile(b"|".join(name.encode("utf-16-le") for name in _NAMES))
_WORD, _IS_ENCRYPTED = 0xA5EC, 0x0100
_FILE_PASS, _MOST_RECORDS = 0x002F, 64
_ENCRYPTED_SLIDES = 0xF3D1C4DF


def is_office_encrypted(content: mmap.mmap) -> bool:
    """Say whether an OLE2 file is an encrypted document; `content` may lack its middle."""
    try:
        file = Ole2(content)
        return any(name in file for name in _NAMES) or _is_word(file) or _is_excel(file) or _is_slides(file)
    except NotOle2:
        return _NAMED.search(content) is not None


def _is_word(file: Ole2) -> bool:
    base = file.beginning("WordDocument", 12)
    return len(base) == 12 and base[:2] == _WORD.to_bytes(2, "little") and bool(base[11] & _IS_ENCRYPTED >> 8)


def _is_excel(file: Ole2) -> bool:
    """Look for FilePass among the first records: it stands before all that it encrypts."""
    records = file.beginning("Workbook", 4096) or file.beginning("Book", 4096)
    position = 0
    for _ in range(_MOST_RECORDS):
        if position + 4 > len(records):
            return False
        kind, length = struct.unpack_from("<HH", records, position)
        if kind == _FILE_PASS:
            return True
        position += 4 + length
    return False


def _is_slides(file: Ole2) -> bool:
    atom = file.beginning("Current User", 16)
    return len(atom) == 16 and int.from_bytes(atom[12:], "little") == _ENCRYPTED_SLIDES
