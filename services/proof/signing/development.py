"""Keys that the platform makes for itself, to try it on: whatever they sign says that it proves nothing."""

import os
import secrets
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from cryptography.x509.oid import NameOID

from services.proof.signing.chains import MARK
from services.proof.signing.holding import HeldKey
from services.proof.signing.pkcs12 import read_pkcs12
from shared.clock import now

LASTS: Final = timedelta(days=3650)
_SIGNER = "signer.p12"


def open_development(folder: Path | None) -> HeldKey:
    """Return the development key of a folder, made there by whoever comes first; without one, a key in memory.

    Raises OSError where the folder cannot be written.
    """
    content = make_signer() if folder is None else kept_once(folder / _SIGNER, make_signer)
    return read_pkcs12(content, None)


def make_signer() -> bytes:
    """Return a new key of P-256 with a certificate of its own, as PKCS#12 without a password."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = development_name("Chartrier, clé de développement")
    certificate = certificate_for(name, key.public_key()).add_extension(key_usage(), critical=True)
    return pkcs12.serialize_key_and_certificates(
        None, key, certificate.sign(key, hashes.SHA256()), None, NoEncryption()
    )


def kept_once(file: Path, make: Callable[[], bytes]) -> bytes:
    """Return what a file holds, made by `make` where there is none: of those who come at once, all get the same.

    The file is whole or not there, and its owner's alone. Raises OSError.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        new = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        try:
            _write(new, make())
            # A link is made by one alone, and never over what is there.
            os.link(new, file)
        except FileExistsError:
            pass
        finally:
            new.unlink(missing_ok=True)
    return file.read_bytes()


def _write(file: Path, content: bytes) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def development_name(who: str) -> x509.Name:
    """Return a name that says it proves nothing."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, MARK),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{who} ({MARK})"),
        ]
    )


def certificate_for(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, issuer: x509.Name | None = None, *, authority: bool = False
) -> x509.CertificateBuilder:
    """Return a certificate to be signed, valid from yesterday on for ten years."""
    since = now() - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + LASTS)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def key_usage(*, authority: bool = False) -> x509.KeyUsage:
    """Return what a key may be used for: signatures, or certificates where it is an authority's."""
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
