"""Signatures of the archive: compact JWS (RFC 7515) with the certificates in its header."""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from chartrier_client.verifying.canonical import read_canonical, read_object
from chartrier_client.verifying.checks import Malformed, Subject
from chartrier_client.verifying.paths import (
    CertificatePath,
    Moments,
    find_path,
    judge_end,
    judge_path,
    named,
    read_certificate,
)
from chartrier_client.verifying.revocation import RevocationData, judge_revocation
from chartrier_client.verifying.trust import Grounds

LARGEST: Final = 64 << 20
COMPACT: Final = re.compile(rb"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
ANCHOR, SEAL, RECEIPT = "chartrier-anchor+jws", "chartrier-seal+jws", "chartrier-receipt+jws"
MOST_CERTIFICATES: Final = 16

_HASHES: Final = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES: Final = {"ES256": ("secp256r1", 32), "ES384": ("secp384r1", 48), "ES512": ("secp521r1", 66)}
_PSS: Final = frozenset({"PS256", "PS384", "PS512"})


@dataclass(frozen=True, slots=True)
class Jws:
    """A signature: who says it is theirs, and what they signed."""

    typ: str
    algorithm: str
    certificates: tuple[x509.Certificate, ...]
    payload: dict[str, Any]
    signed: bytes
    signature: bytes


def read_jws(content: bytes) -> Jws:
    """Read a compact JWS; raises `Malformed` where it is none, or none as the archive makes them."""
    if len(content) > LARGEST:
        raise Malformed("too_large", limit=LARGEST)
    if not COMPACT.fullmatch(content):
        raise Malformed("jws_unreadable")
    head, body, signature = content.split(b".")
    header = read_object(_decoded(head))
    if header.keys() != {"alg", "typ", "x5c"}:
        raise Malformed("jws_header")
    return Jws(
        typ=str(header["typ"]),
        algorithm=str(header["alg"]),
        certificates=_certificates(header["x5c"]),
        payload=read_canonical(_decoded(body)),
        signed=head + b"." + body,
        signature=_decoded(signature),
    )


def _decoded(part: bytes) -> bytes:
    """Undo base64url without padding; what has another spelling is refused, or bytes could change unseen."""
    try:
        content = base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise Malformed("jws_unreadable") from error
    if base64.urlsafe_b64encode(content).rstrip(b"=") != part:
        raise Malformed("jws_unreadable")
    return content


def _certificates(listed: object) -> tuple[x509.Certificate, ...]:
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_CERTIFICATES:
        raise Malformed("jws_header")
    try:
        return tuple(read_certificate(base64.b64decode(each, validate=True)) for each in listed)
    except (ValueError, TypeError) as error:
        raise Malformed("jws_header") from error


def judge_jws(jws: Jws, at: datetime, grounds: Grounds, about: Subject) -> None:
    """Check a signature, and that whoever made it could, at the time that it says, under a root that is trusted."""
    signer = jws.certificates[0]
    try:
        _verify(jws, signer)
        _may_sign(signer)
    except Malformed as fault:
        about.malformed("jws.signature", fault)
        return
    about.ok("jws.signature", f"{jws.algorithm} {named(signer)}")
    digest = f"sha{jws.algorithm[2:]}"
    # Nothing outside proves when this was signed: it is judged at the time that it gives itself.
    moments = Moments(at, at)
    judge_end(grounds.algorithms.digest_ends(digest), digest, moments, grounds, about)
    path = find_path(signer, jws.certificates[1:], grounds.roots)
    judge_path(path, moments, grounds, about)
    _judge_revocation(path, moments, grounds, about)


def _judge_revocation(path: CertificatePath, moments: Moments, grounds: Grounds, about: Subject) -> None:
    """A JWS carries no revocation data: only lists given beside roots say something."""
    if grounds.crls:
        judge_revocation(path, moments, RevocationData(), grounds, about)
    else:
        about.report.about("").remark("signers_revocation_unknown")


def _verify(jws: Jws, signer: x509.Certificate) -> None:
    try:
        key = signer.public_key()
        if isinstance(key, ec.EllipticCurvePublicKey) and jws.algorithm in _CURVES:
            curve, size = _CURVES[jws.algorithm]
            if key.curve.name != curve or len(jws.signature) != 2 * size:
                raise Malformed("signature_wrong")
            values = (int.from_bytes(jws.signature[:size], "big"), int.from_bytes(jws.signature[size:], "big"))
            key.verify(encode_dss_signature(*values), jws.signed, ec.ECDSA(_HASHES[jws.algorithm[2:]]))
        elif isinstance(key, rsa.RSAPublicKey) and jws.algorithm in _PSS:
            hashed = _HASHES[jws.algorithm[2:]]
            key.verify(
                jws.signature, jws.signed, padding.PSS(padding.MGF1(hashed), padding.PSS.DIGEST_LENGTH), hashed
            )
        else:
            raise Malformed("signature_algorithm", algorithm=jws.algorithm)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise Malformed("signature_wrong") from error


def _may_sign(signer: x509.Certificate) -> None:
    try:
        usage = signer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    except ValueError as error:
        raise Malformed("not_a_signer") from error
    if not (usage.digital_signature or usage.content_commitment):
        raise Malformed("not_a_signer")
