"""An authority's answer, read and compared with what was asked (RFC 3161, section 2.4.2).

Foreign authorities write BER, and sets in any order: all of it is read as it comes, and what is signed is taken as it
was written.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from asn1crypto import cms, core, tsp, x509
from pyhanko.sign.general import check_ess_certid
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import get_signing_cert_attr, validate_sig_integrity

from services.proof.signing.algorithms import SHORTEST_RSA, Asn1
from services.proof.stamping.errors import AuthorityRefused, WrongToken
from services.proof.stamping.query import Asked

DIGESTS: Final = frozenset({"sha256", "sha384", "sha512"})
"""Those by which a token may be signed."""

_GRANTED: Final = frozenset({"granted", "granted_with_mods"})
"""With changes or without: what is in the token is compared with what was asked all the same."""

RESOLUTION: Final = timedelta(seconds=1)
"""Many authorities leave out what is less than a second."""


class _Response(core.Sequence):  # type: ignore[misc] # untyped
    """TimeStampResp, of which asn1crypto does not know that one without a token is a refusal."""

    _fields: Asn1 = (("status", tsp.PKIStatusInfo, {}), ("time_stamp_token", cms.ContentInfo, {"optional": True}))


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was read: its octets, what is signed in it, and by whom."""

    der: bytes
    signed: Asn1
    stamped: Asn1
    certificate: Asn1
    certificates: tuple[Asn1, ...]

    @property
    def at(self) -> datetime:
        """Return the time that it says."""
        at: datetime = self.stamped["gen_time"].native
        return at

    @property
    def serial(self) -> int:
        """Return its number at the authority."""
        return int(self.stamped["serial_number"].native)


def token_in(response: bytes) -> bytes:
    """Return the token of a response. Raises `AuthorityRefused`, and ValueError for octets that are no response."""
    answered = _Response.load(response, strict=True)
    status = answered["status"]["status"].native
    if status not in _GRANTED:
        raise AuthorityRefused(f"status {status}, {answered['status']['fail_info'].native or 'no reason'}")
    return bytes(answered["time_stamp_token"].dump())


def read_token(der: bytes) -> Token:
    """Read a token. Raises `WrongToken`, and what is in `UNREADABLE` for octets that are none."""
    message = cms.ContentInfo.load(der, strict=True)
    if message["content_type"].native != "signed_data":
        raise WrongToken("no CMS SignedData")
    signed = message["content"]
    if signed["encap_content_info"]["content_type"].native != "tst_info" or len(signed["signer_infos"]) != 1:
        raise WrongToken("no token with one signature")
    stamped = tsp.TSTInfo.load(bytes(signed["encap_content_info"]["content"]), strict=True)
    given = () if isinstance(signed["certificates"], core.Void) else tuple(signed["certificates"])
    certificates = tuple(one.chosen for one in given if isinstance(one.chosen, x509.Certificate))
    own = [one for one in certificates if _is_of(signed["signer_infos"][0]["sid"], one)]
    if not own:
        raise WrongToken("the certificate of the token is not in it")
    return Token(der, signed, stamped, own[0], certificates)


def _is_of(sid: Asn1, certificate: Asn1) -> bool:
    if sid.name == "issuer_and_serial_number":
        named = sid.chosen
        return bool(
            named["serial_number"].native == certificate.serial_number and named["issuer"] == certificate.issuer
        )
    return bool(certificate.key_identifier == sid.chosen.native)


def check_answer(token: Token, asked: Asked) -> None:
    """Compare a token with what was asked: imprint, nonce, policy. Raises `WrongToken`."""
    stamped, imprint = token.stamped, token.stamped["message_imprint"]
    if imprint["hashed_message"].native != asked.digest:
        raise WrongToken("it stamps another digest")
    if imprint["hash_algorithm"]["algorithm"].native != asked.algorithm:
        raise WrongToken("it names another algorithm")
    if stamped["nonce"].native != asked.nonce:
        raise WrongToken("it answers another request (nonce)")
    if stamped["policy"].dotted != asked.policy:
        raise WrongToken("it is under another policy")


def drift_of(token: Token, sent: datetime, received: datetime) -> timedelta:
    """Return how much the authority's clock is ahead of ours, as far as can be told: half a journey each way."""
    return token.at - (sent + (received - sent) / 2)


def check_time(token: Token, sent: datetime, received: datetime, limit: timedelta) -> None:
    """See that a token was made between its request and its answer, give or take `limit`. Raises `WrongToken`."""
    if not sent - limit - RESOLUTION <= token.at <= received + limit:
        raise WrongToken("its time is far from ours")


def check_signature(token: Token) -> None:
    """Verify the signature, and that it names its certificate (ESSCertID). Raises `WrongToken`."""
    signer = token.signed["signer_infos"][0]
    digest = signer["digest_algorithm"]["algorithm"].native
    if digest not in DIGESTS:
        raise WrongToken("it is signed by a weak digest")
    if isinstance(signer["signed_attrs"], core.Void) or not _names(signer["signed_attrs"].untag(), token.certificate):
        raise WrongToken("it does not name the certificate that it is signed by (ESSCertID)")
    content = bytes(token.signed["encap_content_info"]["content"])
    try:
        intact, valid = validate_sig_integrity(
            signer, token.certificate, "tst_info", hashlib.new(digest, content).digest()
        )
    # pyHanko asserts that a key is of the kind that the signature asks for.
    except (SignatureValidationError, AssertionError) as error:
        raise WrongToken(f"its signature: {type(error).__name__}") from error
    if not intact or not valid:
        raise WrongToken("its signature is not by its key over this content")


def _names(attributes: Asn1, certificate: Asn1) -> bool:
    found = get_signing_cert_attr(attributes)
    return found is not None and bool(check_ess_certid(certificate, found["certs"][0]))


def check_usage(certificate: Asn1) -> None:
    """See that a certificate is a time-stamper's and nothing else (RFC 3161, section 2.3). Raises `WrongToken`."""
    usage = certificate.extended_key_usage_value
    critical = "extended_key_usage" in certificate.critical_extensions
    if usage is None or usage.native != ["time_stamping"] or not critical:
        raise WrongToken("its certificate is not one of a time-stamper alone")
    key = certificate.public_key
    if key.algorithm in {"rsa", "rsassa_pss"} and key.bit_size < SHORTEST_RSA:
        raise WrongToken("its key is too short")
