"""A token that was kept, verified again: over what it is, by whom, and whether that leads to an authority of ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import crl

from services.proof.signing.algorithms import Asn1
from services.proof.signing.chains import in_order
from services.proof.stamping.errors import UNREADABLE, WrongToken
from services.proof.stamping.revocation import Published
from services.proof.stamping.token import Token, check_signature, check_usage, read_token
from services.proof.stamping.trusting import check_trust


class Untrusted(Exception):
    """The token is right, and nobody whom the settings name answers for who made it."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a token says that was verified; `revocation`: whether it is known that no certificate was revoked."""

    at: datetime
    serial: int
    revocation: bool


async def verify_token(der: bytes, digest: bytes, algorithm: str, anchors: Sequence[Asn1]) -> Verified:
    """Verify a token over a digest. Raises `WrongToken`, or `Untrusted` where its certificates lead to no anchor."""
    try:
        token = read_token(der)
        imprint = token.stamped["message_imprint"]
        if imprint["hashed_message"].native != digest or imprint["hash_algorithm"]["algorithm"].native != algorithm:
            raise WrongToken("it stamps another digest")
        check_usage(token.certificate)
        check_signature(token)
    except UNREADABLE as error:
        raise WrongToken(f"it cannot be read: {type(error).__name__}") from error
    published = Published(in_order(token.certificate, (*token.certificates, *anchors)), _lists(token))
    try:
        known = await check_trust(token.certificate, anchors, published, token.at)
    except WrongToken as error:
        raise Untrusted(str(error)) from error
    return Verified(token.at, token.serial, known)


def _lists(token: Token) -> list[Asn1]:
    given = token.signed["crls"].native and token.signed["crls"]
    return [one.chosen for one in given or () if isinstance(one.chosen, crl.CertificateList)]
