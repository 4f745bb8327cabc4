"""Private keys as they are kept: made here, encrypted under the rooms' secret, opened again."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
import rfc8785
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key ready to sign; `kid` is its thumbprint (RFC 7638)."""

    kid: str
    private: ec.EllipticCurvePrivateKey

    @property
    def jwk(self) -> dict[str, Any]:
        """Return the public half as it is published (RFC 7517)."""
        return {**_public(self.private), "kid": self.kid, "alg": "ES256", "use": "sig"}


def new_key() -> SigningKey:
    """Make a key."""
    private = ec.generate_private_key(ec.SECP256R1())
    return SigningKey(_thumbprint(_public(private)), private)


class Seal:
    """Closes and opens private keys: PKCS#8 encrypted under a key derived from the rooms' shared secret.

    It closes under the first secret, and opens what was closed under any: the former or the next one, while
    the secret is being changed.
    """

    def __init__(self, secret: str, also: Sequence[str] = ()) -> None:
        self._passphrases = [_derived(one) for one in (secret, *also)]

    def close(self, key: SigningKey) -> bytes:
        """Return a private key encrypted under the first secret."""
        return key.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(self._passphrases[0]),
        )

    def open(self, kid: str, pkcs8: bytes) -> SigningKey | None:
        """Return a private key; None where none of the secrets opens it."""
        return next((key for key in (_opened(kid, pkcs8, one) for one in self._passphrases) if key), None)

    def is_under_first(self, kid: str, pkcs8: bytes) -> bool:
        """Say whether the secret that signs today opens this one: nothing else is needed for it then."""
        return _opened(kid, pkcs8, self._passphrases[0]) is not None


def _opened(kid: str, pkcs8: bytes, passphrase: bytes) -> SigningKey | None:
    try:
        private = serialization.load_pem_private_key(pkcs8, passphrase)
    except ValueError:
        return None
    return SigningKey(kid, private) if isinstance(private, ec.EllipticCurvePrivateKey) else None


def _public(private: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    return dict(jwt.algorithms.ECAlgorithm.to_jwk(private.public_key(), as_dict=True))


def _thumbprint(jwk: Mapping[str, object]) -> str:
    """Return the SHA-256 thumbprint of an elliptic-curve key (RFC 7638)."""
    facts = rfc8785.dumps({name: str(jwk[name]) for name in ("crv", "kty", "x", "y")})
    return base64.urlsafe_b64encode(hashlib.sha256(facts).digest()).rstrip(b"=").decode()


def _derived(secret: str) -> bytes:
    key = HKDF(hashes.SHA256(), 32, salt=None, info=b"chartrier admin: signing keys at rest")
    return key.derive(secret.encode()).hex().encode()
