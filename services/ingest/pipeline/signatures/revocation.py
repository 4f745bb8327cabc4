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
    made = each["tbs_cert_list"]["this_update"].native
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


def _expiry(certificate: Asn1) -> datetime:
    expiry: datetime = certificate["tbs_certificate"]["validity"]["not_after"].native
    return expiry
