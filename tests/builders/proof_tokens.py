"""Time-stamp tokens and signatures by hand, at times of our choosing, and wrong ones where a test wants them."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeAlias

from asn1crypto import algos, cms, core, ocsp, tsp, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from rfc8785 import dumps

from tests.builders import pki
from tests.builders.pki import Holder, Wanted, issue

Asn1: TypeAlias = Any
"""What asn1crypto makes: it publishes no types."""

_HASHES = {
    "sha1": hashes.SHA1(),  # noqa: S303 (what is refused)
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


@dataclass(frozen=True)
class Stamper:
    """A time-stamper, and what its tokens carry."""

    holder: Holder
    digest: str = "sha512"
    pss: bool = False
    ess: int = 2
    lists: tuple[bytes, ...] = ()
    answers: tuple[bytes, ...] = ()
    answers_unsigned: bool = True
    with_certificates: bool = True
    root: bool = False


@cache
def a_stamper(name: str = "Horodatage 1", since: int = 2025, until: int = 2032, key: str = "ec") -> Stamper:
    """Return a time-stamper in force from one year to another, whose tokens carry all that verifies them."""
    holder = issue(
        Wanted(name, datetime(since, 1, 1, tzinfo=UTC), datetime(until, 1, 1, tzinfo=UTC), key, stamps=True),
        pki.authority(),
    )
    lists = (
        pki.crl_der(pki.root(), keeps_expired=pki.FOUNDED),
        pki.crl_der(pki.authority(), keeps_expired=pki.FOUNDED),
    )
    return Stamper(holder, lists=lists)


@cache
def archive() -> Holder:
    """Return who signs for the archive."""
    return issue(Wanted("Service d'archivage", key="ec"), pki.authority())


def token(imprint: bytes, at: datetime, by: Stamper, algorithm: str = "sha512") -> bytes:
    """Return the token of a digest."""
    content = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": "1.2.3.4.1",
            "message_imprint": {"hash_algorithm": {"algorithm": algorithm}, "hashed_message": imprint},
            "serial_number": 77,
            "gen_time": at,
            "nonce": 12345,
        }
    ).dump()
    certificate = x509.Certificate.load(by.holder.der)
    attributes = _attributes(content, by, certificate)
    held = [by.holder.certificate, *by.holder.above[: None if by.root else -1]] if by.with_certificates else []
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [{"algorithm": by.digest}],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(content)},
            "certificates": [x509.Certificate.load(pki.der_of(each)) for each in held],
            "crls": [*_lists(by), *([] if by.answers_unsigned else _answers(by))] or None,
            "signer_infos": [
                {
                    "version": "v1",
                    "sid": {
                        "issuer_and_serial_number": {
                            "issuer": certificate.issuer,
                            "serial_number": certificate.serial_number,
                        }
                    },
                    "digest_algorithm": {"algorithm": by.digest},
                    "signed_attrs": attributes,
                    "signature_algorithm": _algorithm(by),
                    "signature": _signature(by, attributes.dump()),
                    "unsigned_attrs": _unsigned(by),
                }
            ],
        }
    )
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())


def _lists(by: Stamper) -> list[Any]:
    return [cms.RevocationInfoChoice.load(each) for each in by.lists]


def _answers(by: Stamper) -> list[Any]:
    return [
        cms.RevocationInfoChoice(
            "other",
            {
                "other_rev_info_format": "ocsp_response",
                "other_rev_info": ocsp.OCSPResponse.load(each),
            },
        )
        for each in by.answers
    ]


class _Basic(core.SequenceOf):  # type: ignore[misc]
    _child_spec = ocsp.BasicOCSPResponse


class _RevocationValues(core.Sequence):  # type: ignore[misc]
    _fields = (("ocsp_vals", _Basic, {"explicit": 1}),)


def _unsigned(by: Stamper) -> Asn1:
    """Put answers where `openssl` does not look (RFC 5126, section 6.3.4)."""
    if not by.answers or not by.answers_unsigned:
        return None
    values = _RevocationValues(
        {"ocsp_vals": [ocsp.OCSPResponse.load(each).basic_ocsp_response for each in by.answers]}
    )
    return cms.CMSAttributes([{"type": "1.2.840.113549.1.9.16.2.24", "values": [values]}])


def _attributes(content: bytes, by: Stamper, certificate: Asn1) -> Asn1:
    if by.ess == 2:
        named = tsp.SigningCertificateV2(
            {
                "certs": [
                    {
                        "hash_algorithm": {"algorithm": "sha512"},
                        "cert_hash": hashlib.sha512(certificate.dump()).digest(),
                    }
                ]
            }
        )
    else:
        named = tsp.SigningCertificate({"certs": [{"cert_hash": hashlib.sha1(certificate.dump()).digest()}]})  # noqa: S324
    return cms.CMSAttributes(
        [
            {"type": "content_type", "values": ["tst_info"]},
            {"type": "message_digest", "values": [hashlib.new(by.digest, content).digest()]},
            {"type": "signing_certificate_v2" if by.ess == 2 else "signing_certificate", "values": [named]},
        ]
    )


def _algorithm(by: Stamper) -> dict[str, Any]:
    if isinstance(by.holder.key, ec.EllipticCurvePrivateKey):
        return {"algorithm": f"{by.digest}_ecdsa"}
    if not by.pss:
        return {"algorithm": "rsassa_pkcs1v15"}
    return {
        "algorithm": "rsassa_pss",
        "parameters": algos.RSASSAPSSParams(
            {
                "hash_algorithm": {"algorithm": by.digest},
                "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": by.digest}},
                "salt_length": hashlib.new(by.digest).digest_size,
            }
        ),
    }


def _signature(by: Stamper, content: bytes) -> bytes:
    key, hashed = by.holder.key, _HASHES[by.digest]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(content, ec.ECDSA(hashed))
    filling = padding.PSS(padding.MGF1(hashed), hashed.digest_size) if by.pss else padding.PKCS1v15()
    return key.sign(content, filling, hashed)


def jws(
    typ: str, payload: Mapping[str, Any], by: Holder | None = None, header: Mapping[str, Any] | None = None
) -> bytes:
    """Return a compact JWS: ES256 or PS512, with the certificates up to, not including, the root."""
    holder = by or archive()
    chain = [holder.certificate, *holder.above[:-1]]
    is_ec = isinstance(holder.key, ec.EllipticCurvePrivateKey)
    told = {
        "alg": "ES256" if is_ec else "PS512",
        "typ": typ,
        "x5c": [base64.b64encode(pki.der_of(each)).decode() for each in chain],
        **(header or {}),
    }
    signed = b".".join((_b64(dumps(told)), _b64(dumps(dict(payload)))))
    return signed + b"." + _b64(_jws_signature(holder, signed))


def _jws_signature(holder: Holder, signed: bytes) -> bytes:
    if isinstance(holder.key, rsa.RSAPrivateKey):
        return holder.key.sign(signed, padding.PSS(padding.MGF1(hashes.SHA512()), 64), hashes.SHA512())
    values = decode_dss_signature(holder.key.sign(signed, ec.ECDSA(hashes.SHA256())))
    return b"".join(value.to_bytes(32, "big") for value in values)


def _b64(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


class _Chain(core.SequenceOf):  # type: ignore[misc]
    _child_spec = tsp.ArchiveTimeStamp


class _Chains(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _Chain


class _Record(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("version", tsp.Version),
        ("digest_algorithms", tsp.DigestAlgorithms),
        ("archive_time_stamp_sequence", _Chains),
    ]


@dataclass(frozen=True)
class Stamp:
    """One `ArchiveTimeStamp`: algorithm, path, token."""

    algorithm: str
    path: Sequence[Sequence[bytes]]
    token: bytes


@dataclass(frozen=True)
class Chains:
    """The chains of a record."""

    chains: Sequence[Sequence[Stamp]] = field(default_factory=list)

    @property
    def sequence(self) -> bytes:
        return bytes(self._chains().dump())

    @property
    def der(self) -> bytes:
        names = list(dict.fromkeys(stamp.algorithm for chain in self.chains for stamp in chain))
        return bytes(
            _Record(
                {
                    "version": "v1",
                    "digest_algorithms": [{"algorithm": name} for name in names],
                    "archive_time_stamp_sequence": self._chains(),
                }
            ).dump()
        )

    def _chains(self) -> Asn1:
        return _Chains([_Chain([_stamp(stamp) for stamp in chain]) for chain in self.chains])


def _stamp(stamp: Stamp) -> Asn1:
    return tsp.ArchiveTimeStamp(
        {
            "digest_algorithm": {"algorithm": stamp.algorithm},
            "reduced_hashtree": [list(step) for step in stamp.path],
            "time_stamp": cms.ContentInfo.load(stamp.token),
        }
    )
