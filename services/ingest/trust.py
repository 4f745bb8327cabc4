"""What signatures are judged against: the operator's trust anchors and revocation lists, from a folder or a file.

A folder holds certificates and CRLs, a file each (PEM with one or several, or DER); a file is PEM.
Nothing is fetched.
Every certificate there is an anchor: trusted as it is, self-signed or not, whatever its own dates.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from asn1crypto import crl, pem, x509

from services.ingest.domain.errors import UnusableTrust

Asn1: TypeAlias = Any
"""A value of asn1crypto, which publishes no types."""

_MOST_TOLD: Final = 10
_PEM = re.compile(rb"-----BEGIN ")
_CERTIFICATES: Final = frozenset({"CERTIFICATE", "TRUSTED CERTIFICATE"})
_SUFFIXES: Final = frozenset({".pem", ".crt", ".cer", ".der", ".crl"})


@dataclass(frozen=True)
class Trust:
    """Anchors and CRLs, as asn1crypto has them; CRLs by their issuer's name (DER)."""

    anchors: tuple[Asn1, ...] = ()
    crls: tuple[tuple[bytes, Asn1], ...] = ()

    def crls_of(self, issuers: frozenset[bytes]) -> list[Asn1]:
        """Return the lists of these issuers (names in DER): a large one takes a second to go through."""
        return [each for issuer, each in self.crls if issuer in issuers]

    def anchor_digests(self) -> tuple[str, ...]:
        """Return the SHA-256 of each anchor in hex, sorted."""
        return tuple(sorted(hashlib.sha256(each.dump()).hexdigest() for each in self.anchors))

    def crl_digests(self) -> tuple[str, ...]:
        """Return the SHA-256 of each CRL in hex, sorted."""
        return tuple(sorted(hashlib.sha256(each.dump()).hexdigest() for _, each in self.crls))


NOBODY: Final = Trust()


def load_trust(place: Path | None) -> Trust:
    """Return what lies at `place` now: lists are renewed every week or so, under a room that runs.

    Raises `UnusableTrust` where it is no such place, holds no certificate, or holds what cannot be read.
    """
    if place is None:
        return NOBODY
    try:
        files = _files(place)
        stamps = tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in files)
    except OSError as error:
        raise UnusableTrust("a PEM file, or a folder of certificates, is expected") from error
    return _load(stamps)


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    return sorted(path for path in place.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())


@lru_cache(maxsize=1)
def _load(stamps: tuple[tuple[Path, int, int], ...]) -> Trust:
    anchors: list[Asn1] = []
    crls: list[tuple[bytes, Asn1]] = []
    spoiled = []
    for path, _, _ in stamps:
        try:
            _take(path.read_bytes(), anchors, crls)
        except (OSError, ValueError, TypeError):
            spoiled.append(path.name)
    if spoiled:
        # Of a setting that is one file, its name would be a part.
        which = ", ".join(spoiled[:_MOST_TOLD]) if len(stamps) > 1 else "the file"
        raise UnusableTrust(f"certificates and CRLs in PEM or DER are expected, and cannot be read in: {which}")
    if not anchors:
        raise UnusableTrust("a PEM file, or a folder, with at least one certificate is expected")
    unique = {each.dump(): each for each in anchors}
    return Trust(tuple(unique.values()), tuple(crls))


def _take(content: bytes, anchors: list[Asn1], crls: list[tuple[bytes, Asn1]]) -> None:
    for kind, der in _blocks(content):
        if kind in _CERTIFICATES:
            anchors.append(_whole(x509.Certificate, der))
        elif kind == "X509 CRL":
            each = _whole(crl.CertificateList, der)
            crls.append((each.issuer.dump(), each))


def _blocks(content: bytes) -> list[tuple[str, bytes]]:
    if _PEM.search(content):
        return [(kind, der) for kind, _, der in pem.unarmor(content, multiple=True)]
    try:
        _whole(x509.Certificate, content)
    except (ValueError, TypeError):
        return [("X509 CRL", content)]
    return [("CERTIFICATE", content)]


def _whole(kind: Asn1, der: bytes) -> Asn1:
    """Return an ASN.1 value that has been read to its end: asn1crypto reads no further than it is asked."""
    value = kind.load(der, strict=True)
    if kind is x509.Certificate:
        _ = (value.subject.native, value.public_key.algorithm, value["tbs_certificate"]["validity"].native)
    else:
        _ = (value.issuer.native, value["tbs_cert_list"]["this_update"].native)
    return value
