"""XML signed with keys of our own PKI: enveloped or detached, XAdES of a version of our choosing, or none.

Made here, element by element, so that a test can make any of them wrong; `by_signxml` has another software sign.
"""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from lxml import etree
from signxml.algorithms import CanonicalizationMethod
from signxml.xades.xades import XAdESSigner

from tests.builders import pki
from tests.builders.pki import Holder

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES_1_1_1 = "http://uri.etsi.org/01903/v1.1.1#"
XADES_1_3_2 = "http://uri.etsi.org/01903/v1.3.2#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
ENVELOPED = f"{DS}enveloped-signature"
_SHA = {"sha1": f"{DS}sha1", "sha256": "http://www.w3.org/2001/04/xmlenc#sha256"}
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
PES = "http://www.minefi.gouv.fr/cp/helios/pes_v2/Rev0/aller"


@dataclass(frozen=True)
class Part:
    """What one reference is of: a URI, its digest, the transforms that led to it."""

    uri: str
    content: bytes
    transforms: tuple[str, ...] = (ENVELOPED, EXCLUSIVE)
    xpath: str = "not(ancestor-or-self::ds:Signature)"


@dataclass(frozen=True)
class Manner:
    """How a signature is made."""

    by: Holder = field(default_factory=pki.signer)
    at: datetime = pki.SIGNED
    xades: str | None = XADES_1_3_2
    digest: str = "sha256"
    form: str = EXCLUSIVE
    identifier: str = "sig"
    holds_certificate: bool = True
    zone: str = "Z"


def a_pes(bordereaux: int = 1) -> etree._Element:
    """Return a PES (flow of a local authority's accounts) with its namespaces, a text after each element."""
    items = "".join(
        f'<Bordereau Id="b{number}"><BlocBordereau><IdBord V="{number}"/></BlocBordereau></Bordereau>\n'
        for number in range(bordereaux)
    )
    return etree.fromstring(
        f'<n:PES_Aller xmlns:n="{PES}" xmlns:xad="{XADES_1_1_1}" xmlns:ds="{DS}" xmlns:cm="urn:commun" Id="pes">\n'
        f'<Enveloppe><NomFic V="PESALR2_é"/></Enveloppe>\n<PES_DepenseAller>\n{items}</PES_DepenseAller>\n'
        "</n:PES_Aller>"
    )


def canonical(element: etree._Element, form: str = EXCLUSIVE) -> bytes:
    """Return the canonical form of an element."""
    return etree.tostring(element, method="c14n", exclusive=form == EXCLUSIVE, with_comments=False)


def sign(into: etree._Element, parts: list[Part], manner: Manner | None = None) -> etree._Element:
    """Append a signature of `parts` to `into`, and return it."""
    how = manner or Manner()
    signature = etree.SubElement(into, f"{{{DS}}}Signature", {"Id": how.identifier}, nsmap={"ds": DS})
    info = etree.SubElement(signature, f"{{{DS}}}SignedInfo")
    etree.SubElement(info, f"{{{DS}}}CanonicalizationMethod", Algorithm=how.form)
    etree.SubElement(info, f"{{{DS}}}SignatureMethod", Algorithm=_method(how))
    value = etree.SubElement(signature, f"{{{DS}}}SignatureValue")
    certificates = etree.SubElement(etree.SubElement(signature, f"{{{DS}}}KeyInfo"), f"{{{DS}}}X509Data")
    if how.holds_certificate:
        for each in (how.by.certificate, *how.by.above):
            etree.SubElement(certificates, f"{{{DS}}}X509Certificate").text = _b64(pki.der_of(each))
    if how.xades is not None:
        properties = _properties(signature, how)
        parts = [*parts, Part(f"#{how.identifier}-p", canonical(properties), (EXCLUSIVE,))]
    for part in parts:
        _refer(info, part, how.digest)
    value.text = _b64(_signed(canonical(info, how.form), how))
    return signature


def enveloped(root: etree._Element, manner: Manner | None = None) -> bytes:
    """Return a document with a signature of all of it, at its end."""
    sign(root, [Part("", canonical(root))], manner)
    return document(root)


def document(root: etree._Element, encoding: str = "ISO-8859-1") -> bytes:
    """Return a document as it is written to a file."""
    return etree.tostring(root, xml_declaration=True, encoding=encoding)


def detached(name: str, content: bytes, manner: Manner | None = None) -> bytes:
    """Return a signature, a document of its own, of another file."""
    root = etree.Element("Signatures")
    sign(root, [Part(name, content, ())], manner)
    return document(root)


def by_signxml(root: etree._Element, by: Holder) -> bytes:
    """Return a document signed by signxml, at the time of the clock."""
    signer = XAdESSigner(c14n_algorithm=CanonicalizationMethod.CANONICAL_XML_1_0)
    return document(signer.sign(root, key=by.key, cert=[by.certificate, *by.above]), "UTF-8")


def _refer(info: etree._Element, part: Part, digest: str) -> None:
    reference = etree.SubElement(info, f"{{{DS}}}Reference", URI=part.uri)
    if part.transforms:
        transforms = etree.SubElement(reference, f"{{{DS}}}Transforms")
        for algorithm in part.transforms:
            transform = etree.SubElement(transforms, f"{{{DS}}}Transform", Algorithm=algorithm)
            if algorithm == XPATH:
                etree.SubElement(transform, f"{{{DS}}}XPath").text = part.xpath
    etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=_SHA[digest])
    hashed = hashlib.new(digest, part.content, usedforsecurity=False).digest()
    etree.SubElement(reference, f"{{{DS}}}DigestValue").text = _b64(hashed)


def _properties(signature: etree._Element, how: Manner) -> etree._Element:
    """Append ds:Object/QualifyingProperties, and return its SignedProperties."""
    space = how.xades or ""
    held = etree.SubElement(signature, f"{{{DS}}}Object")
    qualifying = etree.SubElement(
        held, f"{{{space}}}QualifyingProperties", {"Target": f"#{how.identifier}"}, nsmap={"xad": space}
    )
    signed = etree.SubElement(qualifying, f"{{{space}}}SignedProperties", Id=f"{how.identifier}-p")
    inner = etree.SubElement(signed, f"{{{space}}}SignedSignatureProperties")
    etree.SubElement(inner, f"{{{space}}}SigningTime").text = how.at.strftime("%Y-%m-%dT%H:%M:%S") + how.zone
    named = etree.SubElement(etree.SubElement(inner, f"{{{space}}}SigningCertificate"), f"{{{space}}}Cert")
    digest = etree.SubElement(named, f"{{{space}}}CertDigest")
    # The first version had elements of its own for a digest.
    theirs = space if space == XADES_1_1_1 else DS
    etree.SubElement(digest, f"{{{theirs}}}DigestMethod", Algorithm=_SHA["sha256"])
    etree.SubElement(digest, f"{{{theirs}}}DigestValue").text = _b64(hashlib.sha256(how.by.der).digest())
    return signed


def _method(how: Manner) -> str:
    if how.digest == "sha1":
        return f"{_MORE}ecdsa-sha1" if isinstance(how.by.key, ec.EllipticCurvePrivateKey) else f"{DS}rsa-sha1"
    kind = "ecdsa" if isinstance(how.by.key, ec.EllipticCurvePrivateKey) else "rsa"
    return f"{_MORE}{kind}-sha256"


def _signed(content: bytes, how: Manner) -> bytes:
    digest = hashes.SHA1() if how.digest == "sha1" else hashes.SHA256()  # noqa: S303 (what is refused)
    if isinstance(how.by.key, ec.EllipticCurvePrivateKey):
        r, s = utils.decode_dss_signature(how.by.key.sign(content, ec.ECDSA(digest)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return how.by.key.sign(content, padding.PKCS1v15(), digest)


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()
