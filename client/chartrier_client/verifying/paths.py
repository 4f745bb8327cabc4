"""Certificate paths (RFC 5280, section 6): from whoever signed to a root that is trusted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtensionOID as Known

from chartrier_client.verifying.checks import Subject
from chartrier_client.verifying.trust import NOT_PROBATIVE, Grounds

LONGEST: Final = 8
_PROCESSED: Final = frozenset(
    {Known.BASIC_CONSTRAINTS, Known.KEY_USAGE, Known.EXTENDED_KEY_USAGE, Known.CERTIFICATE_POLICIES}
)


@dataclass(frozen=True, slots=True)
class CertificatePath:
    """Certificates from the signer's upwards; `is_trusted`: the last one is a root that was given."""

    certificates: tuple[x509.Certificate, ...]
    is_trusted: bool

    @property
    def judged(self) -> Sequence[x509.Certificate]:
        """Those whose word is not taken: all but a trusted root."""
        return self.certificates[:-1] if self.is_trusted else self.certificates


@dataclass(frozen=True, slots=True)
class Moments:
    """When something was signed, and until when it has to hold; `renewed`: something else proves it from then on."""

    signed: datetime
    until: datetime
    renewed: bool = False


def read_certificate(der: bytes) -> x509.Certificate:
    """Return a certificate that has been read to its end: the library reads no further than it is asked.

    Raises `ValueError` for bytes that are none.
    """
    certificate = x509.load_der_x509_certificate(der)
    try:
        _ = (certificate.issuer, certificate.subject, certificate.extensions, certificate.signature_hash_algorithm)
        _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.public_key())
    except (UnsupportedAlgorithm, x509.DuplicateExtension, TypeError) as error:
        raise ValueError(str(error)) from error
    return certificate


def find_path(
    signer: x509.Certificate, pool: Iterable[x509.Certificate], roots: Sequence[x509.Certificate]
) -> CertificatePath:
    """Return the first path to a root, else the longest one; certificates are tried within bounds."""
    certificates = [each for each in pool if each != signer][:64]
    best = CertificatePath((signer,), is_trusted=signer in roots)
    waiting = [best]
    for _ in range(256):
        if not waiting or best.is_trusted:
            break
        path = waiting.pop()
        best = path if len(path.certificates) > len(best.certificates) else best
        for longer in _longer(path, certificates, roots):
            if longer.is_trusted:
                return longer
            waiting.append(longer)
    return best


def _longer(
    path: CertificatePath, pool: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]
) -> list[CertificatePath]:
    last = path.certificates[-1]
    # A certificate under the name and key of a trusted root is issued by that root too.
    found = [CertificatePath((*path.certificates, root), is_trusted=True) for root in roots if issued(last, root)]
    if found or len(path.certificates) >= LONGEST or last.issuer == last.subject:
        return found
    return [
        CertificatePath((*path.certificates, each), is_trusted=False)
        for each in pool
        if each not in path.certificates and issued(last, each)
    ]


def issued(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    """Say whether one certificate bears the signature of another's key, under its name."""
    if certificate.issuer != by.subject:
        return False
    try:
        certificate.verify_directly_issued_by(by)
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False
    return True


def judge_path(path: CertificatePath, moments: Moments, grounds: Grounds, about: Subject) -> None:
    """Check what a path says: to a trusted root, of authorities, in force when it signed and as long as it must."""
    _trusted(path, grounds, about)
    faults = list(_structure(path))
    for fault, name in faults:
        about.failed("certificate.path", fault, certificate=name)
    if not faults:
        about.ok("certificate.path", " ← ".join(map(named, path.certificates)))
    _in_force(path, moments, about)
    _strong(path, moments, grounds, about)
    if any(NOT_PROBATIVE in named(each).lower() for each in path.certificates):
        about.without_probative_value()


def _trusted(path: CertificatePath, grounds: Grounds, about: Subject) -> None:
    last = named(path.certificates[-1])
    if path.is_trusted:
        about.ok("certificate.root", last)
    elif grounds.roots:
        about.failed("certificate.root", "root_not_trusted", last)
    else:
        about.could_not("certificate.root", "no_root_given", last)


def _structure(path: CertificatePath) -> Iterable[tuple[str, str]]:
    for depth, certificate in enumerate(path.certificates):
        name = named(certificate)
        try:
            extensions = list(certificate.extensions)
        except ValueError:
            yield "extensions_unreadable", name
            continue
        unknown = [each for each in extensions if each.critical and each.oid not in _PROCESSED]
        if unknown:
            yield "extension_unknown", name
        if depth and not _may_issue(extensions, depth - 1, is_root=certificate not in path.judged):
            yield "not_an_authority", name


def _may_issue(extensions: Sequence[x509.Extension[x509.ExtensionType]], below: int, *, is_root: bool) -> bool:
    """Say whether a certificate may issue others, with so many authorities between it and the signer."""
    constraints = [each.value for each in extensions if isinstance(each.value, x509.BasicConstraints)]
    usages = [each.value for each in extensions if isinstance(each.value, x509.KeyUsage)]
    if not constraints:
        return is_root
    longest = constraints[0].path_length
    return (
        constraints[0].ca and (longest is None or below <= longest) and all(usage.key_cert_sign for usage in usages)
    )


def _in_force(path: CertificatePath, moments: Moments, about: Subject) -> None:
    ended = False
    for certificate in path.certificates:
        since, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not since <= moments.signed <= end:
            ended = True
            about.failed(
                "certificate.validity",
                "not_in_force",
                f"{since:%Y-%m-%d} – {end:%Y-%m-%d}",
                certificate=named(certificate),
                at=moments.signed.isoformat(),
            )
        elif end < moments.until:
            ended = True
            say = about.failed if moments.renewed else about.could_not
            say(
                "certificate.validity",
                "renewed_too_late" if moments.renewed else "ended_since",
                end.isoformat(),
                certificate=named(certificate),
                until=moments.until.isoformat(),
            )
    if not ended:
        first = min(each.not_valid_after_utc for each in path.certificates)
        about.ok("certificate.validity", first.isoformat())


def _strong(path: CertificatePath, moments: Moments, grounds: Grounds, about: Subject) -> None:
    for certificate in path.certificates:
        kind, bits = key_kind(certificate)
        judge_end(grounds.algorithms.key_ends(kind, bits), f"{kind} {bits}", moments, grounds, about)
    for certificate in path.judged:
        hashed = certificate.signature_hash_algorithm
        name = "none" if hashed is None else digest_name(hashed.name)
        judge_end(grounds.algorithms.digest_ends(name), name, moments, grounds, about)


def judge_end(end: datetime, name: str, moments: Moments, grounds: Grounds, about: Subject) -> None:
    """Say where an algorithm proved nothing any more at a moment until which it had to; nothing where it did."""
    if grounds.algorithms.is_refused(end):
        about.failed("algorithm", "algorithm_refused", name)
    elif end <= moments.until:
        say = about.failed if moments.renewed else about.could_not
        reason = "renewed_too_late_for_algorithm" if moments.renewed else "algorithm_ended"
        say("algorithm", reason, name, end=f"{end:%Y-%m-%d}", until=f"{moments.until:%Y-%m-%d}")


def key_kind(certificate: x509.Certificate) -> tuple[str, int]:
    """Return the kind and size of a certificate's key: ``("rsa", 3072)``, ``("ec", 256)``."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "unknown", 0
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa", key.key_size
    return ("ec", key.key_size) if isinstance(key, ec.EllipticCurvePublicKey) else ("unknown", 0)


def digest_name(name: str) -> str:
    """Return the name that Python's hashlib has for a digest."""
    return name.lower().replace("-", "_")


def named(certificate: x509.Certificate) -> str:
    """Return a certificate's name as people write it."""
    try:
        return certificate.subject.rfc4514_string() or f"n° {certificate.serial_number}"
    except ValueError:
        return f"n° {certificate.serial_number}"
