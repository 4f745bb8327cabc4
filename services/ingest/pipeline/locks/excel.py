"""Whether an encrypted workbook opens without a password.

Excel encrypts a workbook whose structure alone is protected, with a password that it knows and tries by itself.

Norms: MS-XLS, 2.4.117 (FilePass); MS-OFFCRYPTO, 2.3.5 (RC4 CryptoAPI), 2.3.6 (RC4), 2.3.7 (XOR).
"""

import hashlib
import struct
from typing import Final

from services.ingest.pipeline.locks.ciphers import md5, rc4

_KNOWN: Final = "VelvetSweatshop"
_WIDE: Final = _KNOWN.encode("utf-16-le")
_FIRST_BLOCK: Final = bytes(4)
_RC4, _CRYPTO_API = (1, 1), {(2, 2), (3, 2), (4, 2)}


def opens_by_itself(file_pass: bytes) -> bool:
    """Say whether what Excel tries by itself opens a workbook; `file_pass` is the content of its record FilePass.

    False also where that cannot be told.
    """
    try:
        if len(file_pass) == 4:  # before Excel 97: a key and a verifier, nothing else
            return _is_verifier(struct.unpack("<HH", file_pass)[1])
        (kind,) = struct.unpack_from("<H", file_pass)
        if kind == 0:
            return _is_verifier(struct.unpack_from("<4xH", file_pass)[0])
        version = struct.unpack_from("<HH", file_pass, 2)
        if version == _RC4:
            return _opens_rc4(file_pass[6:])
        return version in _CRYPTO_API and _opens_crypto_api(file_pass[6:])
    except struct.error:
        return False


def _is_verifier(declared: int) -> bool:
    """2.3.7.1, of the known password."""
    verifier = 0
    for byte in reversed(bytes([len(_KNOWN)]) + _KNOWN.encode("ascii")):
        verifier = ((verifier >> 14) & 1 | (verifier << 1) & 0x7FFF) ^ byte
    return declared == verifier ^ 0xCE4B


def _opens_rc4(header: bytes) -> bool:
    """2.3.6.2 and 2.3.6.4: the salt, then a verifier and its hash, encrypted as one."""
    salt, sealed = struct.unpack_from("<16s32s", header)
    seed = md5((md5(_WIDE)[:5] + salt) * 16)[:5]
    opened = rc4(md5(seed + _FIRST_BLOCK), sealed)
    return md5(opened[:16]) == opened[16:]


def _opens_crypto_api(header: bytes) -> bool:
    """2.3.5.2 and 2.3.5.6: a header of its own length, the salt, then a verifier and its hash, encrypted as one."""
    (length,) = struct.unpack_from("<4xI", header)
    (bits,) = struct.unpack_from("<I", header, 8 + 16)
    salt, verifier, digest = struct.unpack_from("<4x16s16s4x20s", header, 8 + length)
    size = (bits or 40) // 8
    key = _sha1(_sha1(salt + _WIDE) + _FIRST_BLOCK)[:size]
    opened = rc4(key.ljust(16, b"\0") if size == 5 else key, verifier + digest) if key else b""
    return _sha1(opened[:16]) == opened[16:]


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()
