"""The signature of a time-stamp token, and whether it is that of a time-stamper that is trusted."""

import hashlib
import hmac
from typing import Final

from asn1crypto import core
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from chartrier_client.verifying.checks import Malformed, Subject
from chartrier_client.verifying.paths import Moments, digest_name, find_path, judge_end, judge_path
from chartrier_client.verifying.revocation import judge_revocation
from chartrier_client.verifying.tokens import NONSENSE, Asn1, Token
from chartrier_client.verifying.trust import Grounds

HASHES: Final = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha3_256": hashes.SHA3_256(),
    "sha3_384": hashes.SHA3_384(),
    "sha3_512": hashes.SHA3_512(),
}
_ECDSA: Final = {f"{name}_ecdsa": name for name in HASHES}


def judge_token(token: Token, moments: Moments, grounds: Grounds, about: Subject) -> None:
    """Check a token whose imprint was compared: signature, time-stamper, path to a root, revocation, algorithms."""
    about.ok("token.time", f"{token.at.isoformat()} n° {token.serial} ({token.policy})")
    if token.at > grounds.at:
        about.could_not("token.time", "stamped_later", token.at.isoformat(), at=grounds.at.isoformat())
    try:
        certificate = _signer(token)
        _attributes(token, certificate)
        _signature(token, certificate)
        _purpose(certificate)
    except Malformed as fault:
        about.malformed("token.signature", fault)
        return
    except NONSENSE:
        about.failed("token.signature", "token_unreadable")
        return
    about.ok("token.signature", certificate.subject.rfc4514_string())
    digest = digest_name(token.signer["digest_algorithm"]["algorithm"].native)
    judge_end(grounds.algorithms.digest_ends(digest), digest, moments, grounds, about)
    path = find_path(certificate, token.certificates, grounds.roots)
    judge_path(path, moments, grounds, about)
    judge_revocation(path, moments, token.revocation, grounds, about)


def _signer(token: Token) -> x509.Certificate:
    """Return the certificate that the signer names."""
    sid = token.signer["sid"]
    if sid.name != "issuer_and_serial_number" or token.signer["version"].native != "v1":
        raise Malformed("signer_unknown")
    serial, issuer = sid.chosen["serial_number"].native, sid.chosen["issuer"].dump()
    for each in token.certificates:
        if each.serial_number == serial and each.issuer.public_bytes() == issuer:
            return each
    raise Malformed("signer_unknown")


def _attributes(token: Token, certificate: x509.Certificate) -> None:
    """Check the signed attributes: the content that they name, and the one certificate (RFC 5035)."""
    attributes = token.signer["signed_attrs"]
    known: dict[str, Asn1] = {}
    for each in attributes if not isinstance(attributes, core.Void) else ():
        name = each["type"].native
        if name in known or len(each["values"]) != 1:
            raise Malformed("attributes_wrong")
        known[name] = each["values"][0]
    digest = digest_name(token.signer["digest_algorithm"]["algorithm"].native)
    if digest not in HASHES:
        raise Malformed("digest_unknown", algorithm=digest)
    if not {"content_type", "message_digest"} <= known.keys() or known["content_type"].native != "tst_info":
        raise Malformed("attributes_wrong")
    if not _same(known["message_digest"].native, hashlib.new(digest, token.content).digest()):
        raise Malformed("content_changed")
    _names_signer(known, certificate)


def _names_signer(known: dict[str, Asn1], certificate: x509.Certificate) -> None:
    der = certificate.public_bytes(Encoding.DER)
    if "signing_certificate_v2" in known:
        named = known["signing_certificate_v2"]["certs"][0]
        algorithm = digest_name(named["hash_algorithm"]["algorithm"].native)
        if algorithm not in HASHES:
            raise Malformed("digest_unknown", algorithm=algorithm)
    elif "signing_certificate" in known:
        # SHA-1 only tells one certificate from another here; what binds is the signature over the attribute.
        named, algorithm = known["signing_certificate"]["certs"][0], "sha1"
    else:
        raise Malformed("attributes_wrong")
    if not _same(named["cert_hash"].native, hashlib.new(algorithm, der).digest()):
        raise Malformed("signer_not_named")


def _signature(token: Token, certificate: x509.Certificate) -> None:
    digest = digest_name(token.signer["digest_algorithm"]["algorithm"].native)
    signed, value = token.signer["signed_attrs"].untag().dump(), token.signer["signature"].native
    algorithm, key = token.signer["signature_algorithm"], certificate.public_key()
    named = algorithm["algorithm"].native
    hashed = HASHES[digest]
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(value, signed, _padding(algorithm, named, digest), hashed)
        elif isinstance(key, ec.EllipticCurvePublicKey) and _ECDSA.get(digest_name(named)) == digest:
            key.verify(value, signed, ec.ECDSA(hashed))
        else:
            raise Malformed("signature_algorithm", algorithm=named)
    except (InvalidSignature, UnsupportedAlgorithm) as error:
        raise Malformed("signature_wrong") from error


def _padding(algorithm: Asn1, named: str, digest: str) -> padding.PKCS1v15 | padding.PSS:
    if named in {"rsassa_pkcs1v15", f"{digest}_rsa"}:
        return padding.PKCS1v15()
    told = algorithm["parameters"]
    if named != "rsassa_pss" or digest_name(told["hash_algorithm"]["algorithm"].native) != digest:
        raise Malformed("signature_algorithm", algorithm=named)
    mask = told["mask_gen_algorithm"]
    if (
        digest_name(mask["parameters"]["algorithm"].native) != digest
        or told["trailer_field"].native != "trailer_field_bc"
    ):
        raise Malformed("signature_algorithm", algorithm=named)
    return padding.PSS(padding.MGF1(HASHES[digest]), told["salt_length"].native)


def _purpose(certificate: x509.Certificate) -> None:
    """Refuse whoever may do other things than stamp (RFC 3161, section 2.3)."""
    try:
        usage = certificate.extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE)
    except (x509.ExtensionNotFound, ValueError) as error:
        raise Malformed("not_a_stamper") from error
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:  # type: ignore[call-overload]
        raise Malformed("not_a_stamper")


def _same(one: bytes, other: bytes) -> bool:
    return hmac.compare_digest(one, other)
