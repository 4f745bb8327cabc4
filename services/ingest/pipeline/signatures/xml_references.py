"""What a ds:Reference signs, and whether it is still that (XML Signature 1.1 §4.4.3).

Canonical forms go through a hash as they are written: neither the document nor a part of it is copied. signxml copies
the whole document for each reference of each signature, passes over transforms that it does not know, and does not
tell which element it verified: its tables of algorithms are used here, and the tests have it sign and verify.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from lxml import etree

from services.ingest.domain.signatures import SubIndication
from services.ingest.pipeline.digest_algorithms import ALGORITHMS, algorithm_named
from services.ingest.pipeline.signatures.hashing import Hashing, new_marks
from services.ingest.pipeline.signatures.reading import Broken, unreadable, unsupported
from services.ingest.pipeline.signatures.xml_document import DS, SIGNATURE, XmlDocument, is_within, marked

_ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_XPATH: Final = "http://www.w3.org/TR/1999/REC-xpath-19991116"
_OMIT_COMMENTS: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_C14N: Final = {
    _OMIT_COMMENTS: (False, False),
    f"{_OMIT_COMMENTS}#WithComments": (False, True),
    "http://www.w3.org/2006/12/xml-c14n11": (False, False),
    "http://www.w3.org/2006/12/xml-c14n11#WithComments": (False, True),
    _EXCLUSIVE: (True, False),
    f"{_EXCLUSIVE}WithComments": (True, True),
}
"""Algorithm → (exclusive, with comments)."""
_XML: Final = "{http://www.w3.org/XML/1998/namespace}"
_MOST_REFERENCES: Final = 200
A_LOOK: Final = 256
"""What it costs to look at an element or a digest, in bytes that are hashed in that time."""

Outside = Callable[[str, str], list[tuple[str, bytes]]]
"""The files that a URI may be of, the likeliest first, by hashlib's name of an algorithm: paths and digests."""


@dataclass(frozen=True, slots=True)
class Canonical:
    """One way of writing XML as bytes."""

    exclusive: bool
    comments: bool
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Covered:
    """What one reference covers: an element, or a file of the package."""

    element: etree._Element | None
    path: str | None = None
    without: tuple[etree._Element, ...] = ()
    """The signatures in the element that its digest leaves out."""


@dataclass(frozen=True, slots=True)
class _Transforms:
    canonical: Canonical
    enveloped: bool
    no_signatures: bool


def canonical_named(method: etree._Element) -> Canonical | None:
    """Return the canonical form that an element names; None where its algorithm is not one of them."""
    known = _C14N.get(method.get("Algorithm", ""))
    if known is None:
        return None
    listed = method.find(f"{{{_EXCLUSIVE}}}InclusiveNamespaces")
    prefixes = () if listed is None else tuple(listed.get("PrefixList", "").split())
    return Canonical(*known, prefixes)


def canonical_bytes(element: etree._Element, form: Canonical) -> bytes:
    """Return an element in a canonical form; for small ones, such as ds:SignedInfo."""
    _refuse_inherited(element, form)
    prefixes = list(form.prefixes) or None
    return etree.tostring(
        element,
        method="c14n",
        exclusive=form.exclusive,
        with_comments=form.comments,
        inclusive_ns_prefixes=prefixes,
    )


def signed_info(signature: etree._Element) -> etree._Element:
    """Return what the value of a signature is over. Raises `Broken` where it is not one element."""
    (*infos,) = signature.iterchildren(f"{DS}SignedInfo")
    if len(infos) != 1:
        # Of two, one might be verified and the other one read.
        raise unreadable("ds:SignedInfo: none, or several")
    return infos[0]


def check_references(
    document: XmlDocument, signature: etree._Element, outside: Outside
) -> tuple[list[Covered], set[str]]:
    """Check each reference of a signature; return what they cover, and the digests they use by their usual names.

    Raises `Broken` at the first that is not what was signed, or cannot be told.
    """
    references = signed_info(signature).findall(f"{DS}Reference")
    if not references or len(references) > _MOST_REFERENCES:
        raise unreadable("ds:Reference: none, or too many")
    covered, used = [], set()
    for reference in references:
        algorithm = _algorithm(reference)
        used.add(algorithm)
        covered.append(_check(document, signature, reference, ALGORITHMS[algorithm][0], outside))
    return covered, used


def _check(
    document: XmlDocument, signature: etree._Element, reference: etree._Element, algorithm: str, outside: Outside
) -> Covered:
    uri, wanted = reference.get("URI"), base64_of(reference.find(f"{DS}DigestValue"))
    if uri is None:
        raise unsupported("ds:Reference without URI")
    if uri and not uri.startswith("#"):
        return _check_outside(document, reference, wanted, outside(unquote(uri), algorithm))
    element = _target(document, uri)
    transforms = _transforms(reference)
    out = _out(document, element, signature, transforms)
    marks = new_marks()
    hashing = Hashing(algorithm, marks)
    form = transforms.canonical
    with marked(out, marks):
        _refuse_inherited(element, form)
        tree = document.tree if element is document.root else etree.ElementTree(element)
        # Comments are no part of what a URI without XPointer designates (§4.4.3.3), whatever the form.
        comments = form.comments and uri.startswith("#xpointer(")
        prefixes = list(form.prefixes) or None
        tree.write_c14n(hashing, exclusive=form.exclusive, with_comments=comments, inclusive_ns_prefixes=prefixes)
    document.spend(hashing.size)
    if hashing.digest() != wanted:
        raise Broken(SubIndication.HASH_FAILURE, "digest", what=shown(element, document))
    return Covered(element, without=tuple(out))


def _check_outside(
    document: XmlDocument, reference: etree._Element, wanted: bytes, candidates: list[tuple[str, bytes]]
) -> Covered:
    if reference.find(f"{DS}Transforms/{DS}Transform") is not None:
        raise unsupported("transforms of another file")
    if not candidates:
        raise Broken(SubIndication.SIGNED_DATA_NOT_FOUND, "not_found", what=reference.get("URI", "")[:200])
    document.spend(len(candidates) * A_LOOK)
    path = next((path for path, digest in candidates if digest == wanted), None)
    if path is None:
        raise Broken(SubIndication.HASH_FAILURE, "digest", what=candidates[0][0])
    return Covered(None, path)


def _target(document: XmlDocument, uri: str) -> etree._Element:
    if uri in {"", "#xpointer(/)"}:
        return document.root
    if uri.startswith("#xpointer(id("):
        return document.designated(uri.removeprefix("#xpointer(id(").removesuffix("))").strip("'\""))
    if uri.startswith("#xpointer("):
        raise unsupported(uri)
    return document.designated(unquote(uri[1:]))


def _out(
    document: XmlDocument, element: etree._Element, signature: etree._Element, transforms: _Transforms
) -> list[etree._Element]:
    """Return the signatures that are left out of what is signed."""
    if transforms.no_signatures:
        signatures = document.signatures()
        document.spend(len(signatures) * A_LOOK)
        # Those within another go with it.
        return [
            each
            for each in signatures
            if is_within(each, element) and each is not element and not _in_signature(each)
        ]
    if transforms.enveloped and is_within(signature, element):
        return [signature]
    return []


def _in_signature(element: etree._Element) -> bool:
    return next(element.iterancestors(SIGNATURE), None) is not None


def _transforms(reference: etree._Element) -> _Transforms:
    canonical, enveloped, no_signatures = None, False, False
    for transform in reference.findall(f"{DS}Transforms/{DS}Transform"):
        algorithm = transform.get("Algorithm", "")
        if canonical is not None:
            raise unsupported("a transform of a canonical form")
        if algorithm == _ENVELOPED:
            enveloped = True
        elif algorithm == _XPATH and _leaves_signatures_out(transform):
            no_signatures = True
        else:
            canonical = canonical_named(transform)
            if canonical is None:
                raise unsupported(algorithm)
    return _Transforms(canonical or Canonical(*_C14N[_OMIT_COMMENTS]), enveloped, no_signatures)


def _leaves_signatures_out(transform: etree._Element) -> bool:
    """Say whether an XPath is the one that is usual; no other is evaluated: it may be made to take for ever."""
    xpath = transform.find(f"{DS}XPath")
    if xpath is None:
        return False
    told = "".join((xpath.text or "").split())
    return any(
        told == f"not(ancestor-or-self::{prefix}:Signature)"
        for prefix, namespace in xpath.nsmap.items()
        if f"{{{namespace}}}" == DS
    )


def _refuse_inherited(element: etree._Element, form: Canonical) -> None:
    """Refuse what canonical XML takes from above a part (xml:lang, xml:space): lxml leaves it out."""
    if not form.exclusive and any(
        name.startswith(_XML) for above in element.iterancestors() for name in map(str, above.attrib)
    ):
        raise unsupported("xml:* attributes above what is signed")


def _algorithm(reference: etree._Element) -> str:
    method = reference.find(f"{DS}DigestMethod")
    written = "" if method is None else method.get("Algorithm", "")
    name = algorithm_named(written)
    if name is None:
        raise unsupported(written or "ds:DigestMethod")
    return name


def base64_of(element: etree._Element | None) -> bytes:
    """Return the bytes an element holds. Raises `Broken` where it holds none."""
    # A comment in it would leave but the text before it.
    text = None if element is None or len(element) else element.text
    if element is None or not text:
        raise unreadable("an element of base64 is empty or missing")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise unreadable("base64") from error


def shown(element: etree._Element, document: XmlDocument) -> str:
    """Return how a report names an element."""
    if element is document.root:
        return "the whole document"
    name = etree.QName(element).localname
    identifier = next((element.get(key) for key in ("Id", "ID", "id") if element.get(key)), None)
    return f"{name} {identifier or ''}".strip()[:200]
