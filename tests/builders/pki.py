"""A public key infrastructure of our own: a root, an authority under it, and whoever signs, with revocation lists.

Keys are made once a process and shared by name: whoever wants another key names another holder.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_CURVES = {"ec-384": ec.SECP384R1(), "ec-521": ec.SECP521R1(), "ec-koblitz": ec.SECP256K1()}

FOUNDED, CLOSES = datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
SIGNED = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""When samples are signed, unless they say otherwise."""
LISTED = datetime(2026, 11, 1, tzinfo=UTC)


@cache
def key_of(_: str, kind: str = "ec") -> Key:
    """Return the key of a holder: ``ec`` (or one of `_CURVES`), or an RSA one of so many bits (``2048``)."""
    if kind.startswith("ec"):
        return ec.generate_private_key(_CURVES.get(kind, ec.SECP256R1()))
    # 1024 bits: what a weak signature was made with.
    return rsa.generate_private_key(65537, int(kind))


@dataclass(frozen=True)
class Holder:
    """A certificate with its key, and the certificates above it, its issuer's first."""

    certificate: x509.Certificate
    key: Key
    above: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True)
class Wanted:
    """What a certificate is to be; at `listed_at` is the CRL of its issuer, at `answered_at` who answers (OCSP)."""

    name: str
    since: datetime = FOUNDED
    until: datetime = CLOSES
    key: str = "ec"
    authority: bool = False
    stamps: bool = False
    usage: str = "signs"
    ocsp: bool = False
    serial: int | None = None
    listed_at: str | None = None
    answered_at: str | None = None
    issued_at: str | None = None


@cache
def root(name: str = "Racine") -> Holder:
    """Return a self-signed authority."""
    return issue(Wanted(name, authority=True))


@cache
def authority() -> Holder:
    """Return the authority under the root that issues to whoever signs."""
    return issue(Wanted("Autorité", authority=True), root())


@cache
def signer(key: str = "ec") -> Holder:
    """Return somebody who signs, under the authority."""
    return issue(Wanted("Anne Maire", key=key), authority())


@cache
def time_stamper() -> Holder:
    """Return who stamps the time, under the authority."""
    return issue(Wanted("Horodatage", key="2048", stamps=True), authority())


def issue(wanted: Wanted, by: Holder | None = None) -> Holder:
    """Return a new certificate, of the same key for the same name."""
    key = key_of(wanted.name, wanted.key)
    name = _named(wanted.name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if by is None else by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(wanted.serial or x509.random_serial_number())
        .not_valid_before(wanted.since)
        .not_valid_after(wanted.until)
        .add_extension(x509.BasicConstraints(wanted.authority, None), critical=True)
        .add_extension(_usage(wanted), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if wanted.stamps:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    for extension in _published(wanted):
        builder = builder.add_extension(extension, critical=False)
    signing = key if by is None else by.key
    above = () if by is None else (by.certificate, *by.above)
    return Holder(builder.sign(signing, hashes.SHA256()), key, above)


def _published(wanted: Wanted) -> list[x509.ExtensionType]:
    """Return where it is said whether a certificate was revoked, and where its issuer's is."""
    told = [
        x509.AccessDescription(method, x509.UniformResourceIdentifier(address))
        for method, address in (
            (AuthorityInformationAccessOID.OCSP, "http://ocsp.invalid/" if wanted.ocsp else wanted.answered_at),
            (AuthorityInformationAccessOID.CA_ISSUERS, wanted.issued_at),
        )
        if address is not None
    ]
    extensions: list[x509.ExtensionType] = [x509.AuthorityInformationAccess(told)] if told else []
    if wanted.listed_at is not None:
        name = x509.UniformResourceIdentifier(wanted.listed_at)
        extensions.append(x509.CRLDistributionPoints([x509.DistributionPoint([name], None, None, None)]))
    return extensions


def der_of(certificate: x509.Certificate) -> bytes:
    """Return a certificate in DER."""
    return certificate.public_bytes(Encoding.DER)


def pem_of(certificates: Iterable[Any]) -> bytes:
    """Return certificates of asn1crypto in PEM."""
    return b"".join(pem.armor("CERTIFICATE", one.dump()) for one in certificates)


def rsa_signature(key: bytes, content: bytes, digest: str) -> bytes:
    """Return a signature (PKCS #1, version 1.5) by a key in DER."""
    loaded = load_der_private_key(key, None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded.sign(content, padding.PKCS1v15(), getattr(hashes, digest.upper())())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"), x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(wanted: Wanted) -> x509.KeyUsage:
    signs = not wanted.authority and wanted.usage == "signs"
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=signs,
        key_encipherment=not signs and not wanted.authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=wanted.authority,
        crl_sign=wanted.authority,
        encipher_only=False,
        decipher_only=False,
    )


def revocation_list(
    by: Holder,
    revoked: Sequence[tuple[Holder, datetime]] = (),
    *,
    keeps_expired: datetime | None = None,
    why: Sequence[x509.ExtensionType] = (),
    until: datetime = CLOSES,
) -> x509.CertificateRevocationList:
    """Return what an authority has revoked, since when and why; it may keep those that expired since a date.

    The next list comes before `until`.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(by.certificate.subject)
        .last_update(LISTED)
        .next_update(until)
    )
    if keeps_expired:
        date = b"\x18\x0f" + keeps_expired.strftime("%Y%m%d%H%M%SZ").encode()
        kept = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.60"), date)
        builder = builder.add_extension(kept, critical=False)
    for holder, since in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(holder.certificate.serial_number)
        for each in why:
            entry = entry.add_extension(each, critical=False)
        builder = builder.add_revoked_certificate(entry.revocation_date(since).build())
    return builder.sign(by.key, hashes.SHA256())


def ocsp_der(of: Holder, by: Holder, revoked: datetime | None = None) -> bytes:
    """Return an authority's answer about a certificate: good, or revoked since."""
    state = ocsp.OCSPCertStatus.GOOD if revoked is None else ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=of.certificate,
        issuer=by.certificate,
        algorithm=hashes.SHA256(),
        cert_status=state,
        this_update=LISTED,
        next_update=CLOSES,
        revocation_time=revoked,
        revocation_reason=None,
    )
    answer = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
    return answer.sign(by.key, hashes.SHA256()).public_bytes(Encoding.DER)


def crl_der(by: Holder, *, keeps_expired: datetime | None = None) -> bytes:
    """Return an empty list of an authority, in DER."""
    return revocation_list(by, keeps_expired=keeps_expired).public_bytes(Encoding.DER)


def trust_folder(
    folder: Path,
    revoked: Sequence[tuple[Holder, datetime]] = (),
    *,
    lists: bool = True,
    trusted: Holder | None = None,
) -> Path:
    """Write what an operator sets: the root, and the lists of the root and of the authority."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "root.pem").write_bytes((trusted or root()).pem)
    if lists:
        (folder / "root.crl").write_bytes(revocation_list(root()).public_bytes(Encoding.PEM))
        (folder / "authority.crl").write_bytes(revocation_list(authority(), revoked).public_bytes(Encoding.DER))
    return folder
