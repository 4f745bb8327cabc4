"""What a CMS signature carries to be judged by: certificates, and revocation in any of three places."""

from collections.abc import Iterator
from typing import Final

from asn1crypto import core, crl, ocsp, pdf

from services.ingest.pipeline.signatures.reading import Material
from services.ingest.trust import Asn1

_ADOBE: Final = "adobe_revocation_info_archival"
_REVOCATION_VALUES: Final = "1.2.840.113549.1.9.16.2.24"


class _Lists(core.SequenceOf):  # type: ignore[misc] # untyped
    _child_spec = crl.CertificateList


class _Answers(core.SequenceOf):  # type: ignore[misc] # untyped
    _child_spec = ocsp.BasicOCSPResponse


class _RevocationValues(core.Sequence):  # type: ignore[misc] # untyped
    """id-aa-ets-revocationValues (RFC 5126 §6.3.4)."""

    _fields = (
        ("crl_vals", _Lists, {"explicit": 0, "optional": True}),
        ("ocsp_vals", _Answers, {"explicit": 1, "optional": True}),
    )


def carried(signed: Asn1, signer: Asn1, certificates: tuple[Asn1, ...], more: Material) -> Material:
    """Return what may judge a signature: in the message (RFC 5652 §5.1), in its attributes, and `more`."""
    crls, ocsps = list(_lists_of(signed)), []
    for kind, value in _attributes(signer):
        if kind in {_ADOBE, _REVOCATION_VALUES}:
            lists, answers = _values(kind, value)
            crls += lists
            ocsps += answers
    return Material((*certificates, *more.certificates), (*crls, *more.crls), (*ocsps, *more.ocsps))


def _values(kind: str, value: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the lists and answers of an attribute; none where it cannot be read: most are not signed."""
    try:
        if kind == _ADOBE:
            held = pdf.RevocationInfoArchival.load(value)
            return [each.dump() for each in _given(held, "crl")], [each.dump() for each in _given(held, "ocsp")]
        held = _RevocationValues.load(value)
        lists = [each.dump() for each in _given(held, "crl_vals")]
        return lists, [wrapped(each) for each in _given(held, "ocsp_vals")]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return [], []


def wrapped(answer: Asn1) -> bytes:
    """Return an OCSPResponse in DER around its inner, basic answer, which is what CAdES and XAdES may hold."""
    inner = {"response_type": "basic_ocsp_response", "response": answer}
    return bytes(ocsp.OCSPResponse({"response_status": "successful", "response_bytes": inner}).dump())


def _lists_of(signed: Asn1) -> Iterator[bytes]:
    if not isinstance(signed["crls"], core.Void):
        yield from (each.chosen.dump() for each in signed["crls"] if each.name == "crl")


def _attributes(signer: Asn1) -> Iterator[tuple[str, bytes]]:
    for name in ("signed_attrs", "unsigned_attrs"):
        if not isinstance(signer[name], core.Void):
            for attribute in signer[name]:
                for value in attribute["values"]:
                    yield attribute["type"].native, value.dump()


def _given(values: Asn1, name: str) -> Iterator[Asn1]:
    if not isinstance(values[name], core.Void):
        yield from values[name]
