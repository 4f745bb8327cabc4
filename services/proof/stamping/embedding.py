"""What verifies a token, put into the token: certificates and revocation, where its signature does not cover them.

OCSP answers would have a place beside the CRLs (RFC 5940), but `openssl ts` reads tokens as PKCS #7, which knows no
other kind of revocation there, and refuses the whole. They go where CAdES keeps them: an unsigned attribute of the
signature, id-aa-ets-revocationValues (RFC 5126, section 6.3.4).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from asn1crypto import cms, core, ocsp

from services.proof.signing.algorithms import Asn1

REVOCATION_VALUES: Final = "1.2.840.113549.1.9.16.2.24"


class _Answers(core.SequenceOf):  # type: ignore[misc] # untyped
    _child_spec = ocsp.BasicOCSPResponse


class _RevocationValues(core.Sequence):  # type: ignore[misc] # untyped
    _fields = (("ocsp_vals", _Answers, {"explicit": 1}),)


def embed(token: bytes, chain: Iterable[Asn1], crls: Sequence[Asn1], answers: Sequence[Asn1]) -> bytes:
    """Return a token (DER) with certificates, CRLs and OCSP responses beside those that it has, each once.

    What is signed stays as it is, octet for octet.
    """
    message = cms.ContentInfo.load(token, strict=True)
    signed = message["content"]
    known = [] if isinstance(signed["certificates"], core.Void) else list(signed["certificates"])
    signed["certificates"] = cms.CertificateSet(_once([*known, *(_certificate(one) for one in chain)]))
    if crls:
        listed = [] if isinstance(signed["crls"], core.Void) else list(signed["crls"])
        new = [cms.RevocationInfoChoice(name="crl", value=one) for one in crls]
        signed["crls"] = cms.RevocationInfoChoices(_once([*listed, *new]))
    if answers:
        _answer(signed["signer_infos"][0], answers)
    return bytes(message.dump())


def _certificate(certificate: Asn1) -> Asn1:
    return cms.CertificateChoices(name="certificate", value=certificate)


def _answer(signer: Asn1, answers: Sequence[Asn1]) -> None:
    values = _RevocationValues({"ocsp_vals": [one.basic_ocsp_response for one in answers]})
    attribute = cms.CMSAttribute({"type": REVOCATION_VALUES, "values": [values]})
    others = [] if isinstance(signer["unsigned_attrs"], core.Void) else list(signer["unsigned_attrs"])
    kept = [one for one in others if one["type"].dotted != REVOCATION_VALUES]
    signer["unsigned_attrs"] = cms.CMSAttributes([*kept, attribute])


def _once(values: Iterable[Asn1]) -> list[Asn1]:
    return list({one.dump(): one for one in values}.values())
