"""The key that signs tokens: made once, kept encrypted, its public half published."""

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import jwt
import rfc8785
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.admin.queries import keys
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import RoomDatabase, Transaction


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key ready to sign; `kid` is its thumbprint (RFC 7638)."""

    kid: str
    private: ec.EllipticCurvePrivateKey


class Signer:
    """Holds the signing key of this installation; the first who asks for one makes it.

    The private key is kept as PKCS#8 encrypted under a key derived from the rooms' shared secret. Where
    that secret has changed, the old key cannot be opened: it is retired, and stays published for as long
    as its tokens may live.
    """

    def __init__(self, database: RoomDatabase, secret: str) -> None:
        self._database = database
        self._passphrase = _derived(secret)
        self._lock = asyncio.Lock()
        self._key: SigningKey | None = None

    async def key(self) -> SigningKey:
        """Return the key that signs."""
        if self._key is None:
            async with self._lock:
                if self._key is None:
                    self._key = await self._open_or_make()
        return self._key

    async def published(self) -> dict[str, object]:
        """Return the JWK set by which tokens are verified."""
        await self.key()
        async with self._database.engine.connect() as connection:
            return {"keys": await keys.published(connection)}

    async def _open_or_make(self) -> SigningKey:
        async with self._database.begin() as tx:
            await keys.lock_making(tx.connection)
            kept = await keys.current(tx.connection)
            opened = None if kept is None else self._open(kept)
            return opened or await self._make(tx)

    def _open(self, kept: keys.KeptKey) -> SigningKey | None:
        try:
            private = serialization.load_pem_private_key(kept.pkcs8, self._passphrase)
        except ValueError:
            return None
        return SigningKey(kept.kid, private) if isinstance(private, ec.EllipticCurvePrivateKey) else None

    async def _make(self, tx: Transaction) -> SigningKey:
        private = ec.generate_private_key(ec.SECP256R1())
        public = dict(jwt.algorithms.ECAlgorithm.to_jwk(private.public_key(), as_dict=True))
        kid = _thumbprint(public)
        pkcs8 = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(self._passphrase),
        )
        jwk = {**public, "kid": kid, "alg": "ES256", "use": "sig"}
        await keys.replace(tx.connection, keys.KeptKey(kid, pkcs8, jwk))
        tx.journal(JournalLineV1(kind="events", action="signing_key.made", actor="room:admin", object=f"key:{kid}"))
        return SigningKey(kid, private)


def _thumbprint(jwk: Mapping[str, object]) -> str:
    """Return the SHA-256 thumbprint of an elliptic-curve key (RFC 7638)."""
    facts = rfc8785.dumps({name: str(jwk[name]) for name in ("crv", "kty", "x", "y")})
    return base64.urlsafe_b64encode(hashlib.sha256(facts).digest()).rstrip(b"=").decode()


def _derived(secret: str) -> bytes:
    key = HKDF(hashes.SHA256(), 32, salt=None, info=b"chartrier admin: signing keys at rest")
    return key.derive(secret.encode()).hex().encode()
