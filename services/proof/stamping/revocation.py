"""What is published of the certificates of a token: whether they were revoked (RFC 5280, 6960).

A list is taken where there is one, for it serves all of an authority's certificates and is read by every program; an
answer (OCSP) where there is none.
"""

import asyncio
import itertools
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from asn1crypto import crl, ocsp
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509 import load_der_x509_crl

from services.proof.signing.algorithms import Asn1
from services.proof.stamping.errors import UNREADABLE, AuthorityAway
from services.proof.stamping.fetching import Fetcher

log = logging.getLogger(__name__)

MOST_OF_LIST: Final = 2 * 1024**2
"""Octets of a CRL: it is kept with every seal. Where a list is longer, the answer about one certificate is kept."""

MOST_OF_ANSWER: Final = 64 * 1024
MOST_SECONDS: Final = 30.0
"""For all that is fetched for one token."""

MOST_ADDRESSES: Final = 3
"""Addresses of one certificate that are tried."""

_NO_ANSWER: tuple[type[Exception], ...] = (AuthorityAway, *UNREADABLE)
_NO_LIST: tuple[type[Exception], ...] = (UnsupportedAlgorithm, *UNREADABLE)
_OCSP: Final = ("application/ocsp-request", "application/ocsp-response")


@dataclass(slots=True)
class Published:
    """The certificates of a chain, its own first, and what is published of them."""

    chain: tuple[Asn1, ...]
    crls: list[Asn1] = field(default_factory=list)
    answers: list[Asn1] = field(default_factory=list)


async def look_up(chain: Sequence[Asn1], at: datetime, fetcher: Fetcher) -> Published:
    """Return the lists and answers about the certificates of a chain, its own first, as far as found in time.

    What a certificate names is asked: the chain must have been led to an anchor before (`chain_to`). Lists that hold
    `at` that time come first.
    """
    found = Published(tuple(chain))
    try:
        async with asyncio.timeout(MOST_SECONDS):
            for below, above in itertools.pairwise(found.chain):
                await _revocation((below, above), at, found, fetcher)
    except TimeoutError:
        log.warning("not all was fetched for a time-stamp", extra={"seconds": MOST_SECONDS})
    return found


async def _revocation(pair: tuple[Asn1, Asn1], at: datetime, found: Published, fetcher: Fetcher) -> None:
    """Add what is published about the first of a pair, which the second issued: a list, or else an answer.

    Where there is neither but a list that holds no more, that one: it may say no.
    """
    below, above = pair
    stale: Asn1 | None = None
    for url in _distribution_points(below):
        listed = _list(await _fetched(url, MOST_OF_LIST, fetcher), above)
        if listed is not None and _holds(listed, at):
            return _keep(listed, found)
        stale = stale or listed
    for url in _addresses(below.authority_information_access_value, "ocsp"):
        answer = await _asked(url, below, above, fetcher)
        if answer is not None:
            found.answers.append(answer)
            return None
    return None if stale is None else _keep(stale, found)


def _keep(listed: Asn1, found: Published) -> None:
    if listed.dump() not in (one.dump() for one in found.crls):
        found.crls.append(listed)


def _holds(listed: Asn1, at: datetime) -> bool:
    until = listed["tbs_cert_list"]["next_update"].native
    return until is None or bool(at <= until)


def _distribution_points(certificate: Asn1) -> list[str]:
    try:
        points = certificate.crl_distribution_points
        return [point.url for point in points if point.url][:MOST_ADDRESSES]
    except UNREADABLE:
        return []


def _addresses(access: Iterable[Asn1] | None, method: str) -> list[str]:
    try:
        wanted = (one["access_location"] for one in access or () if one["access_method"].native == method)
        named = (one.native for one in wanted if one.name == "uniform_resource_identifier")
        return list(named)[:MOST_ADDRESSES]
    except UNREADABLE:
        return []


def _list(content: bytes, issuer: Asn1) -> Asn1 | None:
    """Return a list that its issuer signed; None for anything else, which another address may have instead."""
    try:
        listed = crl.CertificateList.load(content, strict=True)
        _ = (listed["tbs_cert_list"]["this_update"].native, listed["tbs_cert_list"]["next_update"].native)
        key: Any = load_der_public_key(issuer.public_key.dump())
        signed = load_der_x509_crl(content).is_signature_valid(key)
    except _NO_LIST:
        return None
    return listed if signed and listed.issuer == issuer.subject else None


async def _asked(url: str, below: Asn1, above: Asn1, fetcher: Fetcher) -> Asn1 | None:
    named = {
        "hash_algorithm": {"algorithm": "sha1"},
        "issuer_name_hash": below.issuer.sha1,
        "issuer_key_hash": above.public_key.sha1,
        "serial_number": below.serial_number,
    }
    request = ocsp.OCSPRequest({"tbs_request": {"request_list": [{"req_cert": named}]}})
    try:
        content = await fetcher.post(url, request.dump(), _OCSP, MOST_OF_ANSWER)
        answer = ocsp.OCSPResponse.load(content, strict=True)
        good = answer["response_status"].native == "successful"
        _ = answer.basic_ocsp_response["signature"].native if good else None
    except _NO_ANSWER as error:
        log.warning("no answer about a certificate of a time-stamper", extra={"reason": type(error).__name__})
        return None
    return answer if good else None


async def _fetched(url: str, most: int, fetcher: Fetcher) -> bytes:
    """Return what is published at an address, nothing where that fails: another may have it."""
    try:
        return await fetcher.get(url, most)
    except AuthorityAway as error:
        log.warning("not fetched for a time-stamp", extra={"reason": str(error)})
        return b""
