"""CMS signatures (RFC 5652) of any kind: CAdES files, those inside PDFs, time-stamp tokens; pyHanko verifies them."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from asn1crypto import cms, core
from asn1crypto.x509 import Certificate
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import (
    extract_message_digest,
    extract_self_reported_ts,
    extract_tst_data_iter,
    validate_sig_integrity,
)

from services.ingest.domain.signatures import Fault, SubIndication
from services.ingest.pipeline.container.names import printable
from services.ingest.pipeline.signatures.algorithms import DIGESTS, digest_name, key_name
from services.ingest.pipeline.signatures.carried import carried
from services.ingest.pipeline.signatures.reading import (
    MOST_SIGNATURES,
    Broken,
    Material,
    Reading,
    TimeStamp,
    guarded,
    unreadable,
    unsupported,
)
from services.ingest.pipeline.signatures.verifier import Verifier
from services.ingest.trust import Asn1

Content = Callable[[str], bytes | None]
"""The digest of what is signed, by an algorithm as hashlib calls it; None where that is not there."""

ContentOf = Callable[[Asn1], Content]
"""What a signer (SignerInfo) has signed: of a detached message, each may have signed another document."""

_OTHER_CERTIFICATE: Final = "no_signing_certificate_found"


def signed_data(der: bytes) -> Asn1:
    """Return the SignedData of a CMS message (asn1crypto). Raises `Broken` where there is none."""
    # What is written behind a message is signed by nobody.
    message = cms.ContentInfo.load(der, strict=True)
    if message["content_type"].native != "signed_data":
        raise unreadable("no CMS SignedData")
    return message["content"]


def digest_of(content: bytes) -> Content:
    """Return what gives the digests of bytes at hand."""
    return lambda algorithm: hashlib.new(algorithm, content, usedforsecurity=False).digest()


def certificates_of(signed: Asn1) -> tuple[Asn1, ...]:
    """Return the X.509 certificates of a SignedData."""
    if isinstance(signed["certificates"], core.Void):
        return ()
    return tuple(each.chosen for each in signed["certificates"] if isinstance(each.chosen, Certificate))


def signed_digest(signer: Asn1) -> tuple[str, bytes] | None:
    """Return the digest that a signer wrote down (RFC 5652 §11.2), after its algorithm as hashlib calls it.

    None where there is none, more than one, or one that is not computed here.
    """
    try:
        algorithm = str(signer["digest_algorithm"]["algorithm"].native)
        return (algorithm, bytes(extract_message_digest(signer))) if algorithm in DIGESTS else None
    # Of others' bytes asn1crypto may raise any of these; to verify the signature tells why.
    except (SignatureValidationError, ValueError, TypeError, KeyError, AttributeError):
        return None


def read_signers(signed: Asn1, form: str, content_of: ContentOf, more: Material | None = None) -> Iterator[Reading]:
    """Read each signature of a SignedData, over what has the digests that `content_of` tells of its signer.

    Raises `Broken` where it cannot be read at all; a signer who cannot be read is a reading with its fault.
    """
    signers = signed["signer_infos"]
    if not len(signers):
        raise unreadable("a CMS SignedData without a signer")
    if len(signers) > MOST_SIGNATURES:
        raise Broken(SubIndication.GENERIC, "too_many", limit=str(MOST_SIGNATURES), what="signatures")
    for number, signer in enumerate(signers, 1):
        called = (str(number), form)
        yield guarded(*called, partial(_read, signed, signer, called, content_of, more))


def _read(
    signed: Asn1, signer: Asn1, called: tuple[str, str], content_of: ContentOf, more: Material | None
) -> Reading:
    return read_signer(signed, signer, called, content_of(signer), more)


def read_signer(
    signed: Asn1, signer: Asn1, called: tuple[str, str], content: Content, more: Material | None = None
) -> Reading:
    """Read one signature; `called` is its name and its form, `more` what lies beside it to judge it by."""
    certificates = certificates_of(signed)
    certificate = next((each for each in certificates if _is_of(signer["sid"], each)), None)
    name, form = called
    algorithm = signer["digest_algorithm"]["algorithm"].native
    algorithms: tuple[str, ...] = (digest_name(algorithm),)
    fault: Fault | None = Fault(SubIndication.NO_SIGNING_CERTIFICATE_FOUND, "no_certificate")
    if certificate is not None:
        try:
            algorithms = (*algorithms, key_name(certificate))
            fault = _integrity(signed, signer, certificate, content)
        except Broken as broken:
            fault = broken.fault
    material = carried(signed, signer, certificates, more or Material())
    claimed = extract_self_reported_ts(signer) if not isinstance(signer["signed_attrs"], core.Void) else None
    return Reading(
        name=name,
        form=form,
        algorithms=algorithms,
        certificate=certificate,
        material=material,
        claimed=claimed,
        time_stamps=tuple(_time_stamps(signer)),
        fault=fault,
    )


def _integrity(signed: Asn1, signer: Asn1, certificate: Asn1, content: Content) -> Fault | None:
    algorithm = signer["digest_algorithm"]["algorithm"].native
    if algorithm not in DIGESTS:
        raise unsupported(str(algorithm))
    digest = content(algorithm)
    if digest is None:
        raise Broken(SubIndication.SIGNED_DATA_NOT_FOUND, "not_found", what="…")
    kind = signed["encap_content_info"]["content_type"].native
    try:
        intact, valid = validate_sig_integrity(signer, certificate, kind, digest, Verifier())
    except SignatureValidationError as error:
        if str(getattr(error.ades_subindication, "name", "")).lower() == _OTHER_CERTIFICATE:
            return Fault(SubIndication.NO_SIGNING_CERTIFICATE_FOUND, "other_certificate")
        return Fault(SubIndication.FORMAT_FAILURE, "unreadable", {"what": printable(str(error.failure_message))})
    if not valid:
        return Fault(SubIndication.SIG_CRYPTO_FAILURE, "value")
    if not intact:
        return Fault(SubIndication.HASH_FAILURE, "digest", {"what": "…"})
    if isinstance(signer["signed_attrs"], core.Void):
        # Any certificate of the same key would do; and another's attributes may be shown as what such a one signed.
        return Fault(SubIndication.SIG_CONSTRAINTS_FAILURE, "unbound")
    return None


def _is_of(sid: Asn1, certificate: Asn1) -> bool:
    if sid.name == "issuer_and_serial_number":
        wanted = sid.chosen
        serial = wanted["serial_number"].native == certificate.serial_number
        return serial and bool(wanted["issuer"] == certificate.issuer)
    return bool(certificate.key_identifier == sid.chosen.native)


def _time_stamps(signer: Asn1) -> Iterator[TimeStamp]:
    if isinstance(signer["unsigned_attrs"], core.Void):
        return
    for token in extract_tst_data_iter(signer, signed=False):
        yield TimeStamp(token, signer["signature"].native)
