"""Which algorithm a key signs by: one for each kind of key, and none for those too weak (RFC 7518, section 3.1)."""

from dataclasses import dataclass
from typing import Any, Final

from asn1crypto import algos

Asn1 = Any
"""What asn1crypto and pyHanko give, which publish no types of their own."""

SHORTEST_RSA: Final = 2048
"""Bits."""
_CURVES: Final = {
    "secp256r1": ("ES256", "sha256", 32),
    "secp384r1": ("ES384", "sha384", 48),
    "secp521r1": ("ES512", "sha512", 66),
}


class UnusableKey(Exception):
    """No signature of ours is made by such a key; the text says what is expected, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How a key signs: `jws` as RFC 7518 calls it, `digest` as hashlib does.

    `coordinate` has the octets of each half of an ECDSA signature; None for RSA. `mechanism` is what pyHanko is told
    in place of what it would choose, None where it chooses right.
    """

    jws: str
    digest: str
    coordinate: int | None = None
    mechanism: Asn1 = None


def algorithm_of(certificate: Asn1) -> Algorithm:
    """Return the algorithm of a certificate's key. Raises `UnusableKey` for any that is not among ours."""
    key = certificate.public_key
    if key.algorithm == "ec" and key.curve[0] == "named" and key.curve[1] in _CURVES:
        return Algorithm(*_CURVES[key.curve[1]])
    if key.algorithm == "rsa" and key.bit_size >= SHORTEST_RSA:
        return Algorithm("PS256", "sha256", mechanism=_pss("sha256", 32))
    raise UnusableKey("a key of P-256, P-384 or P-521 is expected, or RSA of 2048 bits or more")


def _pss(digest: str, salt: int) -> Asn1:
    """Return RSASSA-PSS as a JWS wants it, with a salt as long as the digest; pyHanko's own is as long as can be."""
    hashed = algos.DigestAlgorithm({"algorithm": digest})
    masked = algos.MaskGenAlgorithm({"algorithm": "mgf1", "parameters": hashed})
    parameters = {"hash_algorithm": hashed, "mask_gen_algorithm": masked, "salt_length": salt}
    return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": algos.RSASSAPSSParams(parameters)})
