"""Signatures of webhooks: Standard Webhooks 1.0, symmetric (``v1``)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

SECRET_BYTES = 32
PREFIX = "whsec_"


def new_secret() -> str:
    """Return 256 random bits, written as receivers' libraries expect them: ``whsec_`` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signatures(keys: Iterable[str], message: str, timestamp: int, body: bytes) -> str:
    """Return the ``webhook-signature`` of a body: one for each secret, with a space between."""
    signed = f"{message}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_mac(key, signed)}" for key in keys)


def _mac(key: str, signed: bytes) -> str:
    secret = base64.b64decode(key.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
