"""The signatures of a PDF (ISO 32000-2 §12.8, ETSI EN 319 142): all of them, document time-stamps included."""

from collections.abc import Iterator, Sequence
from functools import partial
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO

from asn1crypto import x509
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, DiffResult, ModificationLevel
from pyhanko.sign.general import byte_range_digest
from pyhanko.sign.validation.status import SignatureCoverageLevel

from services.ingest.domain.signatures import Fault, SubIndication
from services.ingest.pipeline.signatures.cms import read_signers
from services.ingest.pipeline.signatures.judging import read_time_stamp
from services.ingest.pipeline.signatures.reading import (
    MOST_SIGNATURES,
    Broken,
    Material,
    Reading,
    Readings,
    guarded,
    refuse_the_worlds,
    unreadable,
    unsupported,
)
from services.ingest.trust import Asn1

_DETACHED = frozenset({"/adbe.pkcs7.detached", "/ETSI.CAdES.detached"})
_SPOILED = (PdfError, ValueError, TypeError, KeyError, AttributeError)
_MOST_REVISIONS = 64
"""Revisions since a signature that are compared: evidence is renewed every few years, in two or three at a time."""
_TAIL = 64 * 1024
_TIME_STAMP = "/ETSI.RFC3161"


def read_pdf(path: Path) -> Readings:
    """Read every signature of the PDF at `path`, none if it has none.

    Raises `Broken`, and whatever pyHanko raises for bytes that are no PDF.
    """
    with path.open("rb") as file:
        _refuse_endless(file)
        reader = PdfFileReader(file, strict=False)
        if reader.encrypted:
            raise unsupported("PDF encryption")
        embedded = reader.embedded_signatures
        if len(embedded) > MOST_SIGNATURES:
            raise Broken(SubIndication.GENERIC, "too_many", limit=str(MOST_SIGNATURES), what="signatures")
        store = _store(reader)
        readings = []
        for each in embedded:
            read = partial(_read, each, file, store, reader.xrefs.total_revisions)
            readings.append(guarded(str(each.field_name), "PAdES", read))
        return Readings(tuple(readings), _left(readings, embedded))


def _left(readings: Sequence[Reading], embedded: Sequence[Asn1]) -> Fault | None:
    """Return what is wrong where no signature covers the whole file, though one that is read covers a part.

    A time-stamp of the document says when, not that anybody signed what it covers: only where nothing but evidence
    (ISO 32000-2 §12.8.4, §12.8.5) was added since the last signature, and it covers all of that, is nothing left.
    """
    signed = [place for place, each in enumerate(readings) if each.form == "PAdES" and each.covers]
    if not signed or any(readings[place].whole for place in signed):
        return None
    sealed = any(each.proven and each.whole and each.fault is None for each in readings)
    last = signed[-1]
    if sealed and readings[last].fault is None and _only_evidence_since(embedded[last]):
        return None
    return Fault(SubIndication.SIG_CONSTRAINTS_FAILURE, "added")


def _only_evidence_since(embedded: Asn1) -> bool:
    """Say whether what was added since a signature is a document security store, and time-stamps not to be seen."""
    if embedded.reader.xrefs.total_revisions - embedded.signed_revision > _MOST_REVISIONS:
        return False
    try:
        changes = DEFAULT_DIFF_POLICY.review_file(
            embedded.reader,
            embedded.signed_revision,
            field_mdp_spec=embedded.fieldmdp,
            doc_mdp=embedded.docmdp_level,
        )
    except Exception as error:  # noqa: BLE001 (hostile bytes may make the library raise anything)
        refuse_the_worlds(error)
        return False
    return isinstance(changes, DiffResult) and changes.modification_level <= ModificationLevel.LTA_UPDATES


def _refuse_endless(file: BinaryIO) -> None:
    """Refuse a file that does not end as a PDF: pyHanko would look for its end byte by byte, up to the first one."""
    file.seek(max(0, file.seek(0, SEEK_END) - _TAIL))
    if b"%%EOF" not in file.read(_TAIL):
        raise unreadable("no end of a PDF")


def _store(reader: PdfFileReader) -> Material:
    """Return what long-term validation (PAdES-B-LT) has put beside the signatures, but for what is spoiled."""
    certificates = (_certificate(each) for each in _streams(reader, "/Certs", DecodePurpose.CERTIFICATE))
    return Material(
        tuple(each for each in certificates if each is not None),
        tuple(_streams(reader, "/CRLs", DecodePurpose.CRL)),
        tuple(_streams(reader, "/OCSPs", DecodePurpose.OCSP_RESPONSE)),
    )


def _streams(reader: PdfFileReader, name: str, purpose: DecodePurpose) -> Iterator[bytes]:
    """Yield what the document security store (ISO 32000-2 §12.8.4.3) lists; pyHanko reads all of it, or nothing."""
    try:
        listed = list(reader.root["/DSS"][name])
    except _SPOILED:
        return
    yield from filter(None, (_streamed(each, purpose) for each in listed))


def _streamed(each: Asn1, purpose: DecodePurpose) -> bytes:
    try:
        return bytes(each.get_object().read_data(purpose))
    except _SPOILED:
        return b""


def _certificate(der: bytes) -> Asn1:
    try:
        return x509.Certificate.load(der, strict=True)
    except (ValueError, TypeError):
        return None


def _read(embedded: Asn1, file: BinaryIO, store: Material, revisions: int) -> Reading:
    name = str(embedded.field_name)
    reading = _core(embedded, file, store, name)
    coverage = embedded.evaluate_signature_coverage()
    whole = coverage is SignatureCoverageLevel.ENTIRE_FILE
    unclear = Fault(SubIndication.SIG_CONSTRAINTS_FAILURE, "covers_unclear")
    fault = reading.fault or (None if coverage >= SignatureCoverageLevel.ENTIRE_REVISION else unclear)
    covers = "the whole file" if whole else f"revision {embedded.signed_revision + 1} of {revisions}"
    return Reading(
        name=name,
        form=reading.form,
        covers=(covers,),
        whole=whole,
        algorithms=reading.algorithms,
        certificate=reading.certificate,
        material=reading.material,
        claimed=reading.claimed or (None if reading.proven else embedded.self_reported_timestamp),
        proven=reading.proven,
        time_stamps=reading.time_stamps,
        fault=_named(fault),
    )


def _core(embedded: Asn1, file: BinaryIO, store: Material, name: str) -> Reading:
    kind = str(embedded.sig_object.get("/SubFilter", ""))

    def content(algorithm: str) -> bytes:
        return bytes(byte_range_digest(file, embedded.byte_range, algorithm)[1])

    if kind == _TIME_STAMP:
        return read_time_stamp(embedded.signed_data, content, name, Reading(name, "PAdES", material=store))
    if kind not in _DETACHED:
        raise unsupported(f"PDF {kind}")
    (reading, *others) = read_signers(embedded.signed_data, "PAdES", lambda _: content, store)
    if others:
        raise unsupported("PDF, several signers in one signature")
    return reading


def _named(fault: Fault | None) -> Fault | None:
    if fault is not None and fault.rule in {"digest", "not_found"}:
        return Fault(fault.sub_indication, fault.rule, {"what": "PDF"})
    return fault
