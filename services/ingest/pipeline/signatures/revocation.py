"""Which lists and answers may tell of a certificate: those made while it had not expired yet.

An authority forgets the certificates that have expired (RFC 5280 §3.3): a list of today that does not name one says
nothing of it. Those that keep them say so (expiredCertsOnCRL, ITU-T X.509 §9.5.2.8; archive cutoff, RFC 6960 §4.4.4).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from asn1crypto import crl, ocsp

from services.ingest.pipeline.signatures.reading import Material
from services.ingest.trust import Asn1, Trust

_EXPIRED_ON_CRL: Final = "2.5.29.60"
_ARCHIVE_CUTOFF: Final = "archive_cutoff"


def usable_lists(certificate: Asn1, material: Material, trust: Trust) -> list[Asn1]:
    """Return the CRLs, the operator's and those carried, that may tell of a certificate or of those above it."""
    certificates = (certificate, *material.certificates)
    issuers = frozenset(each.issuer.dump() for each in certificates)
    carried = (crl.CertificateList.load(each) for each in material.crls)
    return [each for each in (*trust.crls_of(issuers), *carried) if _in_time(each, certificates)]


def _in_time(each: Asn1, certificates: Iterable[Asn1]) -> bool:
    made = _moment_of(each["tbs_cert_list"]["this_update"])
    late = (one for one in certificates if one.issuer == each.issuer and _expiry(one) < made)
    if next(late, None) is None:
        return True
    return any(one["extn_id"].dotted == _EXPIRED_ON_CRL for one in each["tbs_cert_list"]["crl_extensions"])


def usable_answers(certificate: Asn1, material: Material) -> list[Asn1]:
    """Return the OCSP answers carried that may tell of a certificate or of those above it."""
    expiries = {each.serial_number: _expiry(each) for each in (certificate, *material.certificates)}
    answers = (ocsp.OCSPResponse.load(each) for each in material.ocsps)
    return [each for each in answers if all(_answers_in_time(one, expiries) for one in _singles(each))]


def _singles(answer: Asn1) -> Iterator[Asn1]:
    if answer["response_status"].native == "successful":
        yield from answer.response_data["responses"]


def _answers_in_time(single: Asn1, expiries: dict[int, datetime]) -> bool:
    expiry = expiries.get(single["cert_id"]["serial_number"].native)
    if expiry is None or single["this_update"].native <= expiry:
        return True
    return any(one["extn_id"].native == _ARCHIVE_CUTOFF for one in single["single_extensions"])


def revoked_on(certificate: Asn1, material: Material, trust: Trust) -> datetime | None:
    """Return when a certificate was revoked, by any list or answer at hand, whoever made it: a reason to doubt."""
    serial, issuer = certificate.serial_number, certificate.issuer
    carried = (crl.CertificateList.load(each) for each in material.crls)
    lists = (*trust.crls_of(frozenset({issuer.dump()})), *(each for each in carried if each.issuer == issuer))
    for entry in (entry for each in lists for entry in each["tbs_cert_list"]["revoked_certificates"]):
        if entry["user_certificate"].native == serial:
            return _moment_of(entry["revocation_date"])
    for single in (one for each in material.ocsps for one in _singles(ocsp.OCSPResponse.load(each))):
        if single["cert_id"]["serial_number"].native == serial and single["cert_status"].name == "revoked":
            return _moment_of(single["cert_status"].chosen["revocation_time"])
    return None


def _moment_of(time: Asn1) -> datetime:
    moment: datetime = time.native
    return moment


def _expiry(certificate: Asn1) -> datetime:
    return _moment_of(certificate["tbs_certificate"]["validity"]["not_after"])
