"""Verify ds:SignatureValue over ds:SignedInfo with the key of a certificate, by the cryptography package."""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key
from lxml import etree
from signxml.algorithms import SignatureMethod, digest_algorithm_implementations

from services.ingest.domain.signatures import SubIndication
from services.ingest.pipeline.digest_algorithms import algorithm_named
from services.ingest.pipeline.signatures.reading import Broken, unreadable, unsupported
from services.ingest.pipeline.signatures.xml_document import DS
from services.ingest.pipeline.signatures.xml_references import (
    base64_of,
    canonical_bytes,
    canonical_named,
    signed_info,
)
from services.ingest.trust import Asn1


def verify_value(signature: etree._Element, certificate: Asn1) -> str:
    """Return the digest that the method uses, by its usual name. Raises `Broken` where it does not verify."""
    info = signed_info(signature)
    method = info.find(f"{DS}CanonicalizationMethod")
    form = None if method is None else canonical_named(method)
    if form is None:
        raise unsupported("ds:CanonicalizationMethod")
    algorithm = _method(info)
    key = load_der_public_key(certificate.public_key.dump())
    value, signed = base64_of(signature.find(f"{DS}SignatureValue")), canonical_bytes(info, form)
    try:
        _verify(key, algorithm, value, signed)
    except InvalidSignature as error:
        raise Broken(SubIndication.SIG_CRYPTO_FAILURE, "value") from error
    except UnsupportedAlgorithm as error:
        raise unsupported(algorithm.name) from error
    return algorithm_named(digest_algorithm_implementations[algorithm]().name) or algorithm.name


def _method(info: etree._Element) -> SignatureMethod:
    element = info.find(f"{DS}SignatureMethod")
    written = "" if element is None else element.get("Algorithm", "")
    try:
        method = SignatureMethod(written)
    except ValueError as error:
        raise unsupported(written or "ds:SignatureMethod") from error
    if method.name.startswith("HMAC"):
        # A shared secret is nobody's signature.
        raise unsupported(written)
    return method


def _verify(key: Asn1, method: SignatureMethod, value: bytes, signed: bytes) -> None:
    digest = digest_algorithm_implementations[method]()
    if isinstance(key, rsa.RSAPublicKey) and method.name.startswith("RSA_"):
        key.verify(value, signed, padding.PKCS1v15(), digest)
    elif isinstance(key, rsa.RSAPublicKey) and method.name.endswith("MGF1"):
        key.verify(value, signed, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey) and method.name.startswith("ECDSA_"):
        key.verify(_der(value, key), signed, ec.ECDSA(digest))
    else:
        raise unsupported(f"{method.name} with another kind of key")


def _der(value: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    """Return r and s, which XML Signature writes one after the other, as DER."""
    half = (key.key_size + 7) // 8
    if len(value) != 2 * half:
        raise unreadable("the length of an ECDSA signature")
    return utils.encode_dss_signature(int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))
