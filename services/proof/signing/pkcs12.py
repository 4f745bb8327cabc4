"""A key in a file (PKCS#12, RFC 7292), with its certificates."""

from collections.abc import Iterable
from pathlib import Path

from asn1crypto import keys
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from pyhanko.sign.signers import SimpleSigner

from services.proof.signing.algorithms import Asn1, UnusableKey, algorithm_of
from services.proof.signing.chains import as_asn1, in_order, read_certificates, store_of
from services.proof.signing.holding import HeldKey


def open_pkcs12(file: Path, password: str | None, certificates: Path | None = None) -> HeldKey:
    """Return the key of a file; `certificates` is a PEM file of those above it that the file lacks.

    Raises OSError where either cannot be read, ValueError for certificates that are none, `UnusableKey` where the
    file does not open or holds no key of ours.
    """
    more = () if certificates is None else read_certificates(certificates)
    return read_pkcs12(file.read_bytes(), password, more)


def read_pkcs12(content: bytes, password: str | None, more: Iterable[Asn1] = ()) -> HeldKey:
    """Return the key in the content of such a file. Raises `UnusableKey`."""
    try:
        found = pkcs12.load_pkcs12(content, None if password is None else password.encode())
    except ValueError as error:
        raise UnusableKey("the PKCS#12 file does not open with this password") from error
    if found.key is None or found.cert is None:
        raise UnusableKey("the PKCS#12 file holds no key with its certificate")
    own = as_asn1(found.cert.certificate)
    algorithm = algorithm_of(own)
    others = (*(as_asn1(one.certificate) for one in found.additional_certs), *more)
    key = found.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    chain = in_order(own, others)
    signer = SimpleSigner(
        own,
        keys.PrivateKeyInfo.load(key),
        store_of(chain),
        signature_mechanism=algorithm.mechanism,
    )
    return HeldKey(signer, chain)
