"""What an authority is asked (RFC 3161, section 2.4.1)."""

import secrets
from dataclasses import dataclass
from typing import Final

from asn1crypto import tsp

NONCE_BITS: Final = 63
"""As many as the authorities take that keep it in a signed integer of 64 bits."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A digest to be stamped, by an algorithm as hashlib calls it, under a policy (an OID); no two have one nonce."""

    digest: bytes
    algorithm: str
    policy: str
    nonce: int

    @property
    def der(self) -> bytes:
        """Return the request: with the authority's certificate in the answer, please."""
        imprint = {"hash_algorithm": {"algorithm": self.algorithm}, "hashed_message": self.digest}
        request = tsp.TimeStampReq(
            {
                "version": 1,
                "message_imprint": imprint,
                "req_policy": self.policy,
                "nonce": self.nonce,
                "cert_req": True,
            }
        )
        return bytes(request.dump())


def ask(digest: bytes, algorithm: str, policy: str) -> Asked:
    """Return a new request."""
    return Asked(digest, algorithm, policy, 1 << NONCE_BITS - 1 | secrets.randbits(NONCE_BITS - 1))
