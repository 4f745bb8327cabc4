"""What proof asks of whoever holds the key of seals, anchors, receipts and attestations."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from pyhanko.sign.signers import Signer


class ProofSigner(Protocol):
    """A key with its certificate. What a module (PKCS#11) holds is known once it was reached: see `open`."""

    @property
    def probative(self) -> bool:
        """Say whether what this key signs may be shown as proof: false for a development key.

        Raises `TryAgain` before the key was reached, as the four below do.
        """
        ...

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """Return the certificate of the key and those above it that are known, in DER, its own first."""
        ...

    @property
    def ends_at(self) -> datetime:
        """Return when the certificate of the key ends."""
        ...

    @property
    def digest(self) -> str:
        """Return the digest that goes with the key, as hashlib calls it: what a PDF is signed by, too."""
        ...

    @property
    def pdf(self) -> Signer:
        """Return the key as pyHanko has it, to sign a PDF (PAdES)."""
        ...

    async def open(self) -> None:
        """Reach the key; it is of no account how often. Raises `TryAgain` while it is away."""
        ...

    async def sign(self, typ: str, payload: Mapping[str, Any]) -> str:
        """Return a compact JWS (RFC 7515) over the canonical JSON of `payload`; `typ` says what it is.

        Raises `TryAgain` while the key is away, and once its certificate has ended.
        """
        ...

    async def close(self) -> None:
        """Let go of the key."""
        ...
