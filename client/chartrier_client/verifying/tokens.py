"""Time-stamp tokens (RFC 3161): what one says, read from CMS `SignedData` (RFC 5652), no byte of it trusted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from asn1crypto import cms, core, crl, tsp
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.x509 import ocsp

from chartrier_client.verifying.checks import Malformed
from chartrier_client.verifying.paths import digest_name, read_certificate
from chartrier_client.verifying.revocation import RevocationData, read_list

Asn1: TypeAlias = Any
"""What asn1crypto gives: it publishes no types."""

LARGEST: Final = 16 << 20
"""Bytes of a token: lists of revoked certificates may be long."""
MOST_CERTIFICATES: Final = 64
MOST_LISTS: Final = 64

NONSENSE: Final = (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError, RecursionError)
"""What asn1crypto raises for bytes of others."""


_REVOCATION_VALUES: Final = "1.2.840.113549.1.9.16.2.24"


class _Lists(core.SequenceOf):  # type: ignore[misc]  # (asn1crypto publishes no types)
    _child_spec = crl.CertificateList


class _Answers(core.SequenceOf):  # type: ignore[misc]
    _child_spec = asn1_ocsp.BasicOCSPResponse


class _RevocationValues(core.Sequence):  # type: ignore[misc]
    _fields = (
        ("crl_vals", _Lists, {"explicit": 0, "optional": True}),
        ("ocsp_vals", _Answers, {"explicit": 1, "optional": True}),
        ("other_rev_vals", core.Any, {"explicit": 2, "optional": True}),
    )


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says: the digest that it stamps and when; and who signed it, with what proves that."""

    der: bytes
    algorithm: str
    imprint: bytes
    at: datetime
    serial: int
    policy: str
    content: bytes
    signer: Asn1
    certificates: tuple[x509.Certificate, ...]
    revocation: RevocationData


def read_token(der: bytes) -> Token:
    """Read a token; raises `Malformed` (`token_unreadable`) for whatever is none."""
    if len(der) > LARGEST:
        raise Malformed("too_large", limit=LARGEST)
    try:
        return _read(der)
    except NONSENSE as error:
        raise Malformed("token_unreadable") from error


def _read(der: bytes) -> Token:
    outer = cms.ContentInfo.load(der, strict=True)
    if outer["content_type"].native != "signed_data":
        raise Malformed("token_unreadable")
    signed = outer["content"]
    inner = signed["encap_content_info"]
    if signed["version"].native != "v3" or inner["content_type"].native != "tst_info":
        raise Malformed("token_unreadable")
    if len(signed["signer_infos"]) != 1:
        raise Malformed("token_signers", count=len(signed["signer_infos"]))
    content = bytes(inner["content"])
    told = tsp.TSTInfo.load(content, strict=True)
    signer = signed["signer_infos"][0]
    _only_digest(signed, signer)
    algorithm, imprint = _imprint(told)
    return Token(
        der=der,
        algorithm=algorithm,
        imprint=imprint,
        at=told["gen_time"].native,
        serial=told["serial_number"].native,
        policy=told["policy"].dotted,
        content=content,
        signer=signer,
        certificates=_certificates(signed),
        revocation=_revocation(signed),
    )


def _imprint(told: Asn1) -> tuple[str, bytes]:
    if told["version"].native != "v1":
        raise Malformed("token_unreadable")
    if any(each["critical"].native for each in told["extensions"] or ()):
        raise Malformed("token_extension")
    imprint = told["message_imprint"]
    return digest_name(imprint["hash_algorithm"]["algorithm"].native), imprint["hashed_message"].native


def _only_digest(signed: Asn1, signer: Asn1) -> None:
    """Refuse a token whose list of digests is not that of its signer: nothing else binds the list."""
    named = {each["algorithm"].native for each in signed["digest_algorithms"]}
    if named != {signer["digest_algorithm"]["algorithm"].native}:
        raise Malformed("token_digests")


def _certificates(signed: Asn1) -> tuple[x509.Certificate, ...]:
    if isinstance(signed["certificates"], core.Void):
        return ()
    chosen = [each.chosen for each in signed["certificates"] if each.name == "certificate"]
    if len(chosen) > MOST_CERTIFICATES:
        raise Malformed("token_certificates", limit=MOST_CERTIFICATES)
    return tuple(_each((each.dump() for each in chosen), read_certificate))


def _revocation(signed: Asn1) -> RevocationData:
    """Return what a token carries: lists and answers beside its certificates (RFC 5652, RFC 5940), or unsigned.

    `openssl` knows no answers there: they may stand in `revocation-values` too (RFC 5126, section 6.3.4).
    """
    beside = () if isinstance(signed["crls"], core.Void) else tuple(signed["crls"])
    lists = [each.chosen.dump() for each in beside if each.name == "crl"]
    others = [each.chosen for each in beside if each.name == "other"]
    answers = [
        each["other_rev_info"].dump() for each in others if each["other_rev_info_format"].native == "ocsp_response"
    ]
    unsigned = signed["signer_infos"][0]["unsigned_attrs"]
    for attribute in () if isinstance(unsigned, core.Void) else unsigned:
        if attribute["type"].dotted == _REVOCATION_VALUES:
            values = _RevocationValues.load(attribute["values"][0].dump(), strict=True)
            lists += [each.dump() for each in values["crl_vals"] or ()]
            answers += [_response(each) for each in values["ocsp_vals"] or ()]
    if len(lists) + len(answers) > MOST_LISTS:
        raise Malformed("token_certificates", limit=MOST_LISTS)
    return RevocationData(tuple(_each(lists, read_list)), tuple(_each(answers, ocsp.load_der_ocsp_response)))


def _response(basic: Asn1) -> bytes:
    """Return a basic answer in the envelope that answers travel in."""
    content = {"response_type": "basic_ocsp_response", "response": core.ParsableOctetString(basic.dump())}
    return bytes(asn1_ocsp.OCSPResponse({"response_status": "successful", "response_bytes": content}).dump())


def _each(contents: Iterable[bytes], read: Callable[[bytes], Any]) -> Iterable[Any]:
    """Read what can be read: what cannot proves nothing, and will be missed where it is needed."""
    for content in contents:
        try:
            yield read(content)
        except (ValueError, TypeError):
            continue
