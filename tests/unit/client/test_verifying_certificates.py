"""A certificate that no reader should take is told apart, whatever its library raises."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from chartrier_client.verifying.paths import read_certificate

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
KEY_USAGE, ISSUER_NAME = bytes.fromhex("0603551d0f"), bytes.fromhex("0603551d12")
"""The identifiers of two extensions, as DER has them."""


def test_an_extension_that_is_there_twice_is_no_certificate() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Twice")])
    usage = x509.KeyUsage(True, *[False] * 8)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, NOON, NOON + timedelta(days=1))
        .add_extension(usage, critical=True)
        .add_extension(x509.IssuerAlternativeName([x509.DNSName("twice.example")]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    assert read_certificate(made).subject == name

    with pytest.raises(ValueError, match="Duplicate"):
        read_certificate(made.replace(ISSUER_NAME, KEY_USAGE))
