"""What whoever verifies trusts: roots that came to them by another way than the proofs, and revocation lists."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from chartrier_client.language import Text
from chartrier_client.verifying.algorithms import Algorithms

_BLOCK: Final = re.compile(rb"-----BEGIN (CERTIFICATE|X509 CRL)-----.*?-----END \1-----", re.DOTALL)
_LARGEST: Final = 64 << 20
NOT_PROBATIVE: Final = "sans valeur probante"


class TrustError(Exception):
    """A file of trusted certificates cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What every judgement rests upon; `at` is the moment for which proofs are to hold."""

    at: datetime
    algorithms: Algorithms
    roots: tuple[x509.Certificate, ...] = ()
    crls: tuple[x509.CertificateRevocationList, ...] = ()


def read_trust(paths: Iterable[Path]) -> tuple[list[x509.Certificate], list[x509.CertificateRevocationList]]:
    """Return the roots, and the revocation lists, of some PEM files.

    Raises `TrustError` for a file without a certificate or list, `OSError` too.
    """
    roots: list[x509.Certificate] = []
    crls: list[x509.CertificateRevocationList] = []
    for path in paths:
        with path.open("rb") as file:
            blocks = list(_BLOCK.finditer(file.read(_LARGEST)))
        try:
            roots += [x509.load_pem_x509_certificate(each[0]) for each in blocks if each[1] == b"CERTIFICATE"]
            crls += [x509.load_pem_x509_crl(each[0]) for each in blocks if each[1] != b"CERTIFICATE"]
        except ValueError as error:
            raise TrustError(_unusable(path)) from error
        if not blocks:
            raise TrustError(_unusable(path))
    return roots, crls


def _unusable(path: Path) -> Text:
    return Text(
        f"{path} : ce n'est pas un fichier PEM de certificats", f"{path}: this is no PEM file of certificates"
    )
