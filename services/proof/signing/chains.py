"""Certificates as they come, in the order in which each was issued by the next."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from asn1crypto import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, load_der_x509_certificate, load_pem_x509_certificates
from pyhanko_certvalidator.registry import CertificateStore, SimpleCertificateStore

from services.proof.signing.algorithms import Asn1

MOST = 10
"""Certificates of one chain: issuers who issued one another would go on without end."""


def in_order(own: Asn1, others: Iterable[Asn1]) -> tuple[Asn1, ...]:
    """Return `own` and those of `others` above it, as far as they lead; the rest is left out."""
    known = tuple(others)
    chain = [own]
    while len(chain) < MOST and not is_root(chain[-1]):
        above = [one for one in known if _may_have_issued(one, chain[-1])]
        if not above:
            break
        chain.append(above[0])
    return tuple(chain)


def _may_have_issued(above: Asn1, certificate: Asn1) -> bool:
    """Say so by names, and by keys where both tell them: an authority with a new key keeps its name."""
    if above.subject != certificate.issuer:
        return False
    wanted, offered = certificate.authority_key_identifier, above.key_identifier
    return wanted is None or offered is None or bool(wanted == offered)


def is_root(certificate: Asn1) -> bool:
    """Say whether a certificate names itself as its issuer."""
    return bool(certificate.issuer == certificate.subject)


MARK: Final = "sans valeur probante"
"""What the subject of each certificate says that the platform made for itself."""


def is_marked(certificate: Asn1) -> bool:
    """Say whether a certificate says of itself that it proves nothing."""
    return MARK in certificate.subject.human_friendly


def below_root(chain: Sequence[Asn1]) -> tuple[bytes, ...]:
    """Return a chain in DER without its root, which who verifies must have from elsewhere; the first always stays."""
    return tuple(one.dump() for place, one in enumerate(chain) if place == 0 or not is_root(one))


def read_certificates(file: Path) -> tuple[Asn1, ...]:
    """Return the certificates of a file, PEM or one in DER.

    Raises OSError where it cannot be read, ValueError where there is no certificate in it.
    """
    content = file.read_bytes()
    in_pem = b"-----BEGIN" in content
    found = load_pem_x509_certificates(content) if in_pem else [load_der_x509_certificate(content)]
    return tuple(as_asn1(one) for one in found)


def as_asn1(certificate: Certificate) -> Asn1:
    """Return a certificate as asn1crypto and pyHanko have it."""
    return x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def store_of(certificates: Iterable[Asn1]) -> CertificateStore:
    """Return certificates as pyHanko wants those that it puts beside a signature."""
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call] # untyped
    for one in certificates:
        store.register(one)
    return store
