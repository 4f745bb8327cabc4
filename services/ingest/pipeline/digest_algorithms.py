"""Digest algorithms by all the names they go by, and digests by the two ways they are written."""

import base64
import binascii
import re
from typing import Final

# PREMIS spelling → hashlib's name and length in bytes.
ALGORITHMS: Final = {
    "MD5": ("md5", 16),
    "SHA-1": ("sha1", 20),
    "SHA-224": ("sha224", 28),
    "SHA-256": ("sha256", 32),
    "SHA-384": ("sha384", 48),
    "SHA-512": ("sha512", 64),
    "SHA3-256": ("sha3_256", 32),
    "SHA3-384": ("sha3_384", 48),
    "SHA3-512": ("sha3_512", 64),
}
WEAK: Final = frozenset({"MD5", "SHA-1"})
_BY_BARE_NAME = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in ALGORITHMS} | {"sha": "SHA-1"}


def algorithm_named(written: str) -> str | None:
    """Return the usual name of an algorithm, None when unknown.

    ``SHA512``, ``sha-512``, ``SHA_512``, ``urn:…:sha512`` and the URIs of XML Signature and XML Encryption
    (``http://www.w3.org/2001/04/xmlenc#sha512``) are all SHA-512.
    """
    last = re.split(r"[#/:]", written.strip().lower())[-1]
    return _BY_BARE_NAME.get(re.sub(r"[-_ .]", "", last))


def digest_hex(written: str, algorithm: str) -> str | None:
    """Return a digest in lower-case hex, None when it is not one of this algorithm.

    Hex and base64 share their letters: the length decides.
    """
    length = ALGORITHMS[algorithm][1]
    compact = "".join(written.split())
    if re.fullmatch(rf"[0-9A-Fa-f]{{{2 * length}}}", compact):
        return compact.lower()
    try:
        decoded = base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded.hex() if len(decoded) == length else None
