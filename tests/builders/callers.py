"""Callers with mandates: real signed tokens, and the verifier that knows their key."""

from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from shared.identity.caller import Mandate, mandates_claim
from shared.identity.rights import Role
from shared.identity.tokens import AUDIENCE, TokenVerifier

SECRET = "rooms-under-test-" + "s" * 32
BASE = "http://archive.test"
_KEY = ec.generate_private_key(ec.SECP256R1())


def a_token(role: Role, *establishments: UUID, subject: str = "tests") -> str:
    """Sign a token for one role; without establishments, for all of them."""
    mandates = mandates_claim((Mandate(frozenset({role}), frozenset(establishments) or None),))
    claims = {"sub": subject, "iss": BASE, "aud": AUDIENCE, "iat": 0, "exp": 2**40, "mandates": mandates}
    return jwt.encode(claims, _KEY, algorithm="ES256", headers={"kid": "k"})


def a_verifier() -> TokenVerifier:
    """Make the verifier that believes these tokens, and the rooms' own."""
    return TokenVerifier(BASE, SECRET, published_key)


async def published_key() -> dict[str, Any]:
    """Return the key of these tokens, as admin publishes its own."""
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(_KEY.public_key(), as_dict=True)
    return {"keys": [{**jwk, "kid": "k"}]}
