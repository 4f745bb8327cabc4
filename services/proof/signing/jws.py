"""Compact JWS (RFC 7515): what is signed, and how a signature is put to it."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from services.proof.signing.algorithms import Algorithm


def signing_input(algorithm: Algorithm, typ: str, chain: Sequence[bytes], payload: Mapping[str, Any]) -> str:
    """Return what is signed: header and payload, each canonical JSON (RFC 8785). `chain` goes to `x5c`, in DER."""
    header = {"alg": algorithm.jws, "typ": typ, "x5c": [b64encode(one).decode() for one in chain]}
    return f"{_text(rfc8785.dumps(header))}.{_text(rfc8785.dumps(payload))}"


def compact(signed: str, signature: bytes, algorithm: Algorithm) -> str:
    """Return the JWS; an ECDSA signature, in DER as X.509 has it, becomes its two halves (RFC 7518, 3.4)."""
    if algorithm.coordinate is not None:
        halves = decode_dss_signature(signature)
        signature = b"".join(half.to_bytes(algorithm.coordinate) for half in halves)
    return f"{signed}.{_text(signature)}"


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
