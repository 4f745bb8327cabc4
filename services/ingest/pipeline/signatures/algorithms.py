"""Which keys and digests are looked at, and which of them prove nothing any more."""

from typing import Final

from services.ingest.pipeline.signatures.reading import unsupported
from services.ingest.trust import Asn1

NAMES: Final = {
    "md2": "MD2",
    "md5": "MD5",
    "sha1": "SHA-1",
    "sha224": "SHA-224",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "sha3_256": "SHA3-256",
    "sha3_384": "SHA3-384",
    "sha3_512": "SHA3-512",
}
"""hashlib's names → those that people read."""

DIGESTS: Final = frozenset(NAMES) - {"md2"}
"""Those that are computed: MD2 is known by its name alone, hashlib has none."""

WEAK_DIGESTS: Final = frozenset({"MD2", "MD5", "SHA-1"})
_LEAST_BITS: Final = {"RSA": 2048, "DSA": 2048, "EC": 224}

# OpenSSL verifies larger ones for minutes; nobody signs with them.
_MOST_BITS: Final = 8192
_MOST_EXPONENT: Final = 2**32


def digest_name(algorithm: str) -> str:
    """Return the usual name of a digest algorithm (``sha256``, ``SHA256``…)."""
    return NAMES.get(algorithm.lower(), algorithm)


def key_name(certificate: Asn1) -> str:
    """Return algorithm and size of a certificate's key: ``RSA 2048``. Raises `Broken` for one we do not touch."""
    key = certificate.public_key
    kind = {"rsa": "RSA", "rsassa_pss": "RSA", "dsa": "DSA", "ec": "EC"}.get(key.algorithm)
    if kind is None:
        if key.algorithm in {"ed25519", "ed448"}:
            return str(key.algorithm).capitalize()
        raise unsupported(str(key.algorithm))
    if kind == "EC" and key.curve[0] != "named":
        raise unsupported("EC, explicit parameters")
    if key.bit_size > _MOST_BITS:
        raise unsupported(f"{kind} {key.bit_size}")
    if kind == "RSA" and key["public_key"].parsed["public_exponent"].native > _MOST_EXPONENT:
        raise unsupported("RSA, public exponent beyond 2^32")
    return f"{kind} {key.bit_size}"


def weak_one(names: tuple[str, ...]) -> str | None:
    """Return the first of these digests and keys that proves nothing any more."""
    for name in names:
        kind, _, bits = name.partition(" ")
        if name in WEAK_DIGESTS or (bits.isdigit() and int(bits) < _LEAST_BITS.get(kind, 0)):
            return name
    return None
