"""Secrets of webhooks as they are kept: encrypted under the rooms' secret, since they must be read to sign."""

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class WebhookSeal:
    """Closes under the first secret, and opens what was closed under any (see `sealing.Seal`)."""

    def __init__(self, secret: str, also: Sequence[str] = ()) -> None:
        self._first = Fernet(_derived(secret))
        self._any = MultiFernet([self._first, *(Fernet(_derived(one)) for one in also)])

    def close(self, secret: str) -> bytes:
        """Return a secret encrypted."""
        return self._first.encrypt(secret.encode())

    def open(self, closed: bytes) -> str | None:
        """Return a secret; None where none of ours opens it."""
        try:
            return self._any.decrypt(closed).decode()
        except InvalidToken:
            return None

    def close_again(self, closed: bytes) -> bytes | None:
        """Return it under the first secret; None where it is already, or does not open."""
        try:
            self._first.decrypt(closed)
        except InvalidToken:
            opened = self.open(closed)
            return None if opened is None else self.close(opened)
        return None


def _derived(secret: str) -> bytes:
    key = HKDF(hashes.SHA256(), 32, salt=None, info=b"chartrier admin: webhook secrets at rest")
    return base64.urlsafe_b64encode(key.derive(secret.encode()))
