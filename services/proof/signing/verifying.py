"""Whether a signature is by the key of a certificate: what a module gives is not believed unseen."""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from services.proof.signing.algorithms import Asn1, algorithm_of

_DIGESTS: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


def is_signed_by(certificate: Asn1, data: bytes, signature: bytes) -> bool:
    """Say whether the key of `certificate` signed `data`, by its algorithm. Raises `UnusableKey`."""
    hashed = _DIGESTS[algorithm_of(certificate).digest]
    key = load_der_public_key(certificate.public_key.dump())
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hashed))
            return True
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PSS(padding.MGF1(hashed), hashed.digest_size), hashed)
            return True
    except InvalidSignature:
        pass
    return False
