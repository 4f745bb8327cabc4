"""Which lists and answers may tell of a certificate: those made while it had not expired yet.

An authority forgets the certificates that have expired (RFC 5280 §3.3): a list of today that does not name one says
nothing of it. Those that keep them say since when (expiredCertsOnCRL, ITU-T X.509 §9.5.2.8; archive cutoff, RFC 6960
§4.4.4). Only the certificates of a path that was verified count: what else a signature holds is anybody's.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from asn1crypto import core, crl, ocsp

from services.ingest.pipeline.signatures.reading import Material
from services.ingest.trust import Asn1, Trust

_EXPIRED_ON_CRL: Final = "2.5.29.60"
_ARCHIVE_CUTOFF: Final = "archive_cutoff"
_HARMLESS: Final = frozenset({"affiliation_changed", "superseded", "cessation_of_operation"})
"""Reasons (RFC 5280 §5.3.1) that do not spoil what a time-stamping authority stamped before (RFC 3161 §4, 1)."""
_ANSWER_DIGESTS: Final = frozenset({"sha1", "sha256"})
"""By which answers may name a certificate: pyHanko knows no other."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The lists and answers that a signature carries, as asn1crypto has them; those that cannot be read left out."""

    crls: tuple[Asn1, ...]
    ocsps: tuple[Asn1, ...]


def read_evidence(material: Material) -> Evidence:
    """Read what a signature carries, piece by piece: one that is spoiled takes nothing from the others."""
    return Evidence(tuple(_each(material.crls, _list)), tuple(_each(material.ocsps, _answer)))


def _each(contents: Iterable[bytes], read: Callable[[bytes], Asn1]) -> Iterator[Asn1]:
    for content in contents:
        try:
            yield read(content)
        # Of others' bytes asn1crypto may raise any of these.
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            continue


def _list(der: bytes) -> Asn1:
    """Return a CRL that has been read to its end: asn1crypto reads no further than it is asked."""
    value = crl.CertificateList.load(der, strict=True)
    listed = value["tbs_cert_list"]
    _ = (value.issuer.native, listed["this_update"].native, listed["next_update"].native, value.signature)
    for each in listed["crl_extensions"]:
        _ = (each["extn_id"].native, each["extn_value"].parsed)
    for entry in listed["revoked_certificates"]:
        _ = (entry["user_certificate"].native, entry["revocation_date"].native)
    return value


def _answer(der: bytes) -> Asn1:
    """Return an OCSP answer that has been read to its end."""
    value = ocsp.OCSPResponse.load(der, strict=True)
    for single in _singles(value):
        if single["cert_id"]["hash_algorithm"]["algorithm"].native not in _ANSWER_DIGESTS:
            raise ValueError("the digest of an answer")
        _ = (single.native, value.basic_ocsp_response["signature"].native)
    return value


def usable_lists(path: Sequence[Asn1], material: Material, evidence: Evidence, trust: Trust) -> list[Asn1]:
    """Return the CRLs, the operator's and those carried, that may tell of the certificates of a path."""
    issuers = frozenset(each.issuer.dump() for each in (*path, *material.certificates))
    return [each for each in (*trust.crls_of(issuers), *evidence.crls) if _in_time(each, path)]


def _in_time(each: Asn1, path: Iterable[Asn1]) -> bool:
    made = _moment_of(each["tbs_cert_list"]["this_update"])
    late = [one for one in path if one.issuer == each.issuer and _expiry(one) < made]
    if not late:
        return True
    kept = _kept_since(each["tbs_cert_list"]["crl_extensions"])
    # One that it names all the same, it tells of.
    return all((kept is not None and kept <= _expiry(one)) or _is_listed(each, one) for one in late)


def _kept_since(extensions: Iterable[Asn1]) -> datetime | None:
    """Return since which expiry a list or an answer tells of certificates that have expired."""
    for one in extensions:
        if one["extn_id"].dotted == _EXPIRED_ON_CRL:
            try:
                return _moment_of(core.GeneralizedTime.load(bytes(one["extn_value"]), strict=True))
            except (ValueError, TypeError):
                return None
        if one["extn_id"].native == _ARCHIVE_CUTOFF:
            return _moment_of(one["extn_value"].parsed)
    return None


def usable_answers(path: Sequence[Asn1], evidence: Evidence) -> list[Asn1]:
    """Return the OCSP answers carried that may tell of the certificates of a path."""
    return [each for each in evidence.ocsps if all(_answers_in_time(one, path) for one in _singles(each))]


def _singles(answer: Asn1) -> Iterator[Asn1]:
    if answer["response_status"].native == "successful":
        yield from answer.response_data["responses"]


def _answers_in_time(single: Asn1, path: Iterable[Asn1]) -> bool:
    if single["cert_status"].name == "revoked":
        return True
    kept = _kept_since(single["single_extensions"])
    late = (one for one in path if _is_about(single, one) and _expiry(one) < _moment_of(single["this_update"]))
    return all(kept is not None and kept <= _expiry(one) for one in late)


def _is_about(single: Asn1, certificate: Asn1) -> bool:
    """Say whether an answer is about a certificate: serial numbers are its issuer's alone (RFC 5280 §4.1.2.2)."""
    named = single["cert_id"]
    algorithm = named["hash_algorithm"]["algorithm"].native
    issuer = hashlib.new(algorithm, certificate.issuer.dump(), usedforsecurity=False).digest()
    serial = bool(named["serial_number"].native == certificate.serial_number)
    return serial and bool(named["issuer_name_hash"].native == issuer)


@dataclass(frozen=True, slots=True)
class Revocation:
    """When a certificate was revoked; `harmless` where that was for a reason that leaves its key in good hands."""

    at: datetime
    harmless: bool = False


def revocations_of(certificate: Asn1, evidence: Evidence, trust: Trust) -> Iterator[Revocation]:
    """Yield each revocation of a certificate in any list or answer at hand, whoever made it: a reason to doubt."""
    issuer = certificate.issuer
    carried = (each for each in evidence.crls if each.issuer == issuer)
    for each in (*trust.crls_of(frozenset({issuer.dump()})), *carried):
        for entry in _entries_of(each, certificate):
            yield Revocation(_moment_of(entry["revocation_date"]), _is_harmless(entry))
    for single in (one for each in evidence.ocsps for one in _singles(each)):
        if single["cert_status"].name == "revoked" and _is_about(single, certificate):
            revoked = single["cert_status"].chosen
            reason = revoked["revocation_reason"].native
            yield Revocation(_moment_of(revoked["revocation_time"]), reason in _HARMLESS)


def _is_harmless(entry: Asn1) -> bool:
    """Say whether a list gives such a reason, and no earlier date since which the key may be another's."""
    try:
        reason, doubtful_since = entry.crl_reason_value, entry.invalidity_date_value
    except (ValueError, TypeError, KeyError):
        return False
    return reason is not None and reason.native in _HARMLESS and doubtful_since is None


def _entries_of(each: Asn1, certificate: Asn1) -> Iterator[Asn1]:
    for entry in each["tbs_cert_list"]["revoked_certificates"]:
        if entry["user_certificate"].native == certificate.serial_number:
            yield entry


def _is_listed(each: Asn1, certificate: Asn1) -> bool:
    """Say whether a list has a certificate revoked."""
    return next(_entries_of(each, certificate), None) is not None


def _moment_of(time: Asn1) -> datetime:
    moment: datetime = time.native
    return moment


def _expiry(certificate: Asn1) -> datetime:
    return _moment_of(certificate["tbs_certificate"]["validity"]["not_after"])
