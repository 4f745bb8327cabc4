"""Revocation: what lists (RFC 5280, section 5) and OCSP answers (RFC 6960) say of the certificates of a path."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from chartrier_client.verifying.checks import Subject
from chartrier_client.verifying.paths import CertificatePath, Moments, issued, named
from chartrier_client.verifying.trust import Grounds

_KEPT_EXPIRED: Final = x509.ObjectIdentifier("2.5.29.60")
# RFC 3161, section 4: stamps made before a revocation for one of these reasons stay good.
_HARMLESS: Final = frozenset(
    {x509.ReasonFlags.affiliation_changed, x509.ReasonFlags.superseded, x509.ReasonFlags.cessation_of_operation}
)


@dataclass(frozen=True, slots=True)
class RevocationData:
    """What a token carries, and what was given beside it."""

    crls: tuple[x509.CertificateRevocationList, ...] = ()
    answers: tuple[ocsp.OCSPResponse, ...] = ()


def read_list(der: bytes) -> x509.CertificateRevocationList:
    """Return a list whose head has been read to its end; raises `ValueError` for bytes that are none."""
    crl = x509.load_der_x509_crl(der)
    _ = (crl.issuer, crl.extensions, crl.last_update_utc, crl.next_update_utc)
    return crl


@dataclass(frozen=True, slots=True)
class _Revoked:
    since: datetime
    reason: x509.ReasonFlags | None


@dataclass(frozen=True, slots=True)
class _Case:
    certificate: x509.Certificate
    issuer: x509.Certificate
    moments: Moments


def judge_revocation(
    path: CertificatePath, moments: Moments, data: RevocationData, grounds: Grounds, about: Subject
) -> None:
    """Check that no certificate of a path was revoked as long as it had to hold; the root's word is taken."""
    crls = (*data.crls, *grounds.crls)
    pairs = list(pairwise(path.certificates))
    good = []
    for certificate, issuer in pairs:
        case = _Case(certificate, issuer, moments)
        said = [*_from_lists(case, crls), *_from_answers(case, data.answers)]
        revoked = [each for each in said if each is not None and _counts(each, moments)]
        if revoked:
            about.failed("certificate.revocation", "revoked", named(certificate), since=revoked[0].since.isoformat())
        elif not said:
            about.could_not("certificate.revocation", "no_revocation_data", named(certificate))
        else:
            good.append(named(certificate))
    if good:
        about.ok("certificate.revocation", ", ".join(good))


def _counts(revoked: _Revoked, moments: Moments) -> bool:
    if revoked.reason in _HARMLESS:
        return revoked.since <= moments.signed
    return revoked.since <= moments.until


def _from_lists(case: _Case, crls: Iterable[x509.CertificateRevocationList]) -> Iterable[_Revoked | None]:
    for crl in crls:
        if crl.issuer != case.issuer.subject or not _list_counts(crl, case):
            continue
        entry = crl.get_revoked_certificate_by_serial_number(case.certificate.serial_number)
        yield None if entry is None else _Revoked(entry.revocation_date_utc, _reason(entry))


def _list_counts(crl: x509.CertificateRevocationList, case: _Case) -> bool:
    try:
        extensions = list(crl.extensions)
        usage = [each.value for each in case.issuer.extensions if isinstance(each.value, x509.KeyUsage)]
        signed = crl.is_signature_valid(case.issuer.public_key())  # type: ignore[arg-type]
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    # Lists of some reasons, of deltas or of others' certificates would say less than they seem to.
    whole = not any(each.critical for each in extensions)
    kept = any(each.oid == _KEPT_EXPIRED for each in extensions)
    in_time = _covers(crl.last_update_utc, crl.next_update_utc, case)
    after_its_end = crl.last_update_utc > case.certificate.not_valid_after_utc and not kept
    return signed and whole and in_time and not after_its_end and all(each.crl_sign for each in usage)


def _covers(since: datetime, until: datetime | None, case: _Case) -> bool:
    """Say whether what an authority said tells of the moment of signing: it was said later, or still held then."""
    return since >= case.moments.signed or until is None or until >= case.moments.signed


def _reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except (x509.ExtensionNotFound, ValueError):
        return None


def _from_answers(case: _Case, answers: Sequence[ocsp.OCSPResponse]) -> Iterable[_Revoked | None]:
    for answer in answers:
        try:
            if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
                continue
            said = list(_of_one(case, answer))
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        yield from said


def _of_one(case: _Case, answer: ocsp.OCSPResponse) -> Iterable[_Revoked | None]:
    responder = _responder(case, answer)
    if responder is None:
        return
    for each in answer.responses:
        if not _is_about(each, case) or not _covers(each.this_update_utc, each.next_update_utc, case):
            continue
        if each.certificate_status is ocsp.OCSPCertStatus.GOOD:
            yield None
        elif each.certificate_status is ocsp.OCSPCertStatus.REVOKED and each.revocation_time_utc:
            yield _Revoked(each.revocation_time_utc, each.revocation_reason)


def _is_about(each: ocsp.OCSPSingleResponse, case: _Case) -> bool:
    return (
        each.serial_number == case.certificate.serial_number
        and each.issuer_name_hash == _hashed(case.issuer.subject.public_bytes(), each.hash_algorithm)
        and each.issuer_key_hash == _hashed(_key_bits(case.issuer), each.hash_algorithm)
    )


def _hashed(content: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    hashed = hashes.Hash(algorithm)
    hashed.update(content)
    return hashed.finalize()


def _key_bits(certificate: x509.Certificate) -> bytes:
    """Return what the bit string of a certificate's key holds."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)


def _responder(case: _Case, answer: ocsp.OCSPResponse) -> x509.Certificate | None:
    """Return who signed an answer, where they may: the issuer, or whoever the issuer lets answer."""
    for each in (case.issuer, *answer.certificates):
        if each != case.issuer and not (issued(each, case.issuer) and _may_answer(each, case)):
            continue
        if _signed(answer, each):
            return each
    return None


def _may_answer(certificate: x509.Certificate, case: _Case) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE).value
    except x509.ExtensionNotFound:
        return False
    # What answered is itself not asked about: its certificate is short-lived, or says so (RFC 6960, 4.2.2.2.1).
    return (
        isinstance(usage, x509.ExtendedKeyUsage)
        and ExtendedKeyUsageOID.OCSP_SIGNING in usage
        and certificate.not_valid_after_utc >= case.moments.signed
    )


def _signed(answer: ocsp.OCSPResponse, by: x509.Certificate) -> bool:
    hashed, key = answer.signature_hash_algorithm, by.public_key()
    if hashed is None or hashed.name in {"md5", "sha1"}:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), hashed)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(hashed))
        else:
            return False
    except InvalidSignature:
        return False
    return True
