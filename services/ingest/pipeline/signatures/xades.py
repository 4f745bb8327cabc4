"""XML signatures (XML Signature 1.1), with the XAdES properties of any version, 1.1.1 to 1.4.1 (ETSI TS 101 903).

What is verified is what is reported: each reference is resolved here, once, to one element or one file, and that is
what `covers` names. Properties count only where a reference covers them: unsigned ones are anybody's.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from asn1crypto import ocsp, x509
from lxml import etree

from services.ingest.domain.signatures import SubIndication
from services.ingest.pipeline.digest_algorithms import ALGORITHMS, algorithm_named
from services.ingest.pipeline.signatures.algorithms import key_name
from services.ingest.pipeline.signatures.carried import wrapped
from services.ingest.pipeline.signatures.cms import signed_data
from services.ingest.pipeline.signatures.reading import (
    Broken,
    Material,
    Reading,
    Readings,
    TimeStamp,
    guarded,
    unsupported,
)
from services.ingest.pipeline.signatures.xml_coverage import XADES, Coverage
from services.ingest.pipeline.signatures.xml_document import DS, XmlDocument, is_within, open_xml
from services.ingest.pipeline.signatures.xml_keys import verify_value
from services.ingest.pipeline.signatures.xml_references import (
    Canonical,
    Covered,
    Outside,
    base64_of,
    canonical_bytes,
    canonical_named,
    check_references,
    shown,
)
from services.ingest.trust import Asn1


def read_xml(path: Path, outside: Outside, within: tuple[str, ...] | None = None) -> Readings:
    """Read every signature of an XML file; with `within`, a path of element names, those that stand there alone.

    Raises `Broken` where the file cannot be read.
    """
    document = open_xml(path)
    coverage = Coverage(document)
    readings = []
    for number, signature in enumerate(document.signatures(), 1):
        if within is None or _path_of(signature) == within:
            name = signature.get("Id") or f"#{number}"
            read = partial(_read, (document, coverage), signature, name, outside)
            readings.append(guarded(name, "XML Signature", read))
    return Readings(tuple(readings), coverage.left())


def _path_of(element: etree._Element) -> tuple[str, ...]:
    return tuple(etree.QName(each).localname for each in reversed(list(element.iterancestors())))


def _read(file: tuple[XmlDocument, Coverage], signature: etree._Element, name: str, outside: Outside) -> Reading:
    document, coverage = file
    certificates, certificate, fault = _certificates(signature), None, None
    key: tuple[str, ...] = ()
    covered: list[Covered] = []
    used: set[str] = set()
    try:
        certificate = _signer(signature, certificates)
        key = (key_name(certificate),)
        # Before any reference: what they refer to is only worth reading where SignedInfo is genuine.
        used.add(verify_value(signature, certificate))
        covered, digests = check_references(document, signature, outside)
        used |= digests
        _refuse_nothing(signature, covered)
    except Broken as broken:
        fault = broken.fault
    content = [each for each in covered if not _of_itself(each, signature)]
    coverage.take(content)
    # What is above a signature covers nothing of it: an enveloped one is left out of what it signs.
    elements = (each.element for each in covered if each.element is not None)
    signed = [each for each in elements if is_within(each, signature)]
    properties = next((each for each in _xades(signature, "SignedProperties") if _is_in(each, signed)), None)
    return Reading(
        name=name,
        form="XAdES" if next(_xades(signature, "QualifyingProperties"), None) is not None else "XML Signature",
        covers=tuple(_told(each, signature, document) for each in content),
        documents=tuple(each.path for each in covered if each.path is not None),
        whole=any(each.element is document.root and coverage.is_all_of(each, content) for each in content),
        algorithms=(*sorted(used), *key),
        certificate=certificate,
        material=_material(signature, certificates),
        claimed=None if properties is None else _signing_time(properties),
        time_stamps=tuple(_time_stamps(signature)),
        fault=fault,
    )


def _told(covered: Covered, signature: etree._Element, document: XmlDocument) -> str:
    if covered.element is None:
        return covered.path or ""
    others = any(each is not signature for each in covered.without)
    return shown(covered.element, document) + (", other signatures left out" if others else "")


def _is_in(element: etree._Element, signed: list[etree._Element]) -> bool:
    return any(is_within(element, each) for each in signed)


def _of_itself(covered: Covered, signature: etree._Element) -> bool:
    """Say whether what is covered is but the signature's own properties or key; an enveloped ds:Object is not."""
    element = covered.element
    if element is None or not is_within(element, signature):
        return False
    if (etree.QName(element).namespace or "").startswith(XADES):
        return True
    return element.tag != f"{DS}Object" and next(element.iterancestors(f"{DS}Object"), None) is None


def _refuse_nothing(signature: etree._Element, covered: list[Covered]) -> None:
    if all(_of_itself(each, signature) for each in covered):
        raise Broken(SubIndication.SIG_CONSTRAINTS_FAILURE, "covers_nothing")


def _certificates(signature: etree._Element) -> tuple[Asn1, ...]:
    places = signature.iterfind(f"{DS}KeyInfo/{DS}X509Data/{DS}X509Certificate")
    return tuple(each for place in places if (each := _certificate(place)) is not None)


def _certificate(place: etree._Element) -> Asn1:
    try:
        return x509.Certificate.load(base64_of(place), strict=True)
    except (Broken, ValueError, TypeError):
        return None


def _signer(signature: etree._Element, certificates: tuple[Asn1, ...]) -> Asn1:
    """Return the certificate that the signature names (XAdES SigningCertificate), or else one that issued no other.

    Of the certificates of a KeyInfo no order is asked.
    """
    if not certificates:
        raise Broken(SubIndication.NO_SIGNING_CERTIFICATE_FOUND, "no_certificate")
    named = next(iter((*_xades(signature, "SigningCertificate"), *_xades(signature, "SigningCertificateV2"))), None)
    if named is None:
        issuers = {each.issuer.dump() for each in certificates if each.issuer != each.subject}
        return next((each for each in certificates if each.subject.dump() not in issuers), certificates[0])
    algorithm, wanted = _certificate_digest(named)
    for each in certificates:
        digest = hashlib.new(algorithm, each.dump(), usedforsecurity=False).digest()
        if hmac.compare_digest(digest, wanted):
            return each
    raise Broken(SubIndication.NO_SIGNING_CERTIFICATE_FOUND, "other_certificate")


def _certificate_digest(named: etree._Element) -> tuple[str, bytes]:
    # In 1.1.1 these are XAdES's own elements, later on those of XML Signature.
    method = next((each for each in named.iter("{*}DigestMethod")), None)
    value = next((each for each in named.iter("{*}DigestValue")), None)
    algorithm = None if method is None else algorithm_named(method.get("Algorithm", ""))
    if algorithm is None:
        raise unsupported("the digest of SigningCertificate")
    return ALGORITHMS[algorithm][0], base64_of(value)


def _xades(signature: etree._Element, name: str) -> Iterator[etree._Element]:
    """Yield the XAdES elements of this name that are the signature's own, not a counter-signature's."""
    for element in signature.iter(f"{{*}}{name}"):
        own = next(element.iterancestors(f"{DS}Signature"), None)
        if own is signature and (etree.QName(element).namespace or "").startswith(XADES):
            yield element


def _signing_time(properties: etree._Element) -> datetime | None:
    for element in properties.iter("{*}SigningTime"):
        try:
            # All of its text: a comment, which is not signed, must not cut it short.
            return datetime.fromisoformat(str(element.xpath("string()")).strip())
        except ValueError:
            return None
    return None


def _material(signature: etree._Element, certificates: tuple[Asn1, ...]) -> Material:
    more = [each for place in _xades(signature, "EncapsulatedX509Certificate") if (each := _certificate(place))]
    crls = [_der(each) for each in _xades(signature, "EncapsulatedCRLValue")]
    answers = [_der(each) for each in _xades(signature, "EncapsulatedOCSPValue")]
    return Material((*certificates, *more), tuple(filter(None, crls)), tuple(map(_answer, filter(None, answers))))


def _der(element: etree._Element) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _answer(der: bytes) -> bytes:
    """Return an OCSPResponse, whichever of the two kinds is given."""
    try:
        return wrapped(ocsp.BasicOCSPResponse.load(der, strict=True)) if _is_basic(der) else der
    except (ValueError, TypeError):
        return der


def _is_basic(der: bytes) -> bool:
    try:
        _ = ocsp.OCSPResponse.load(der)["response_status"].native
    except (ValueError, TypeError):
        return True
    return False


def _time_stamps(signature: etree._Element) -> Iterator[TimeStamp]:
    value = signature.find(f"{DS}SignatureValue")
    for stamp in _xades(signature, "SignatureTimeStamp"):
        if value is None:
            return
        method = stamp.find(f"{DS}CanonicalizationMethod")
        form = Canonical(exclusive=False, comments=False) if method is None else canonical_named(method)
        tokens = list(stamp.iter("{*}EncapsulatedTimeStamp"))
        if form is not None and tokens:
            try:
                yield TimeStamp(signed_data(_der(tokens[0])), canonical_bytes(value, form))
            except (Broken, ValueError, TypeError):
                yield TimeStamp({}, b"")
