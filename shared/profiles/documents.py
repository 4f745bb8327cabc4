"""What the documents of a profile are, before any compiler sees them: XML without tricks, complete in themselves.

libxml2 loads what a schema includes by itself, entities expanded, from wherever it says. So each document is looked
at first: no DOCTYPE, and no reference to anything but another document of the profile.
"""

import posixpath
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from lxml import etree

from shared.profiles.bundle import Bundle
from shared.profiles.faults import ProfileFault
from shared.profiles.kinds import Kind

XSD: Final = "http://www.w3.org/2001/XMLSchema"
RELAXNG: Final = "http://relaxng.org/ns/structure/1.0"

_BASE: Final = "{http://www.w3.org/XML/1998/namespace}base"
_LOADING: Final = {
    **{f"{{{XSD}}}{name}": "schemaLocation" for name in ("include", "import", "redefine", "override")},
    **{f"{{{RELAXNG}}}{name}": "href" for name in ("include", "externalRef")},
}
"""Elements that have another document loaded, and the attribute that says which."""

_REACHING_OUT: Final = re.compile(r"(?<![\w.-])(doc|doc-available|collection)\s*\(")
"""What of XPath 2.0 asks for another document (F&O 15.5)."""

_SEDA: Final = re.compile(r"fr:gouv:culture:archivesdefrance:seda:v(\d\.\d)\Z")
TAKEN: Final = ("2.0", "2.1", "2.2", "2.3")
"""Versions of SEDA in which deposits come, and so those that a profile may be for."""


def seda_versions(bundle: Bundle, kind: Kind) -> tuple[str, ...]:
    """Return the versions of SEDA that a profile is for. Raises `ProfileFault` for what cannot be a profile."""
    roots = {name: _root(name, content) for name, content in bundle.documents.items()}
    _require_kind(bundle.entry, roots[bundle.entry], kind)
    for name, root in roots.items():
        _require_complete(name, root, bundle)
    versions = {found[1] for root in roots.values() for name in _namespaces(root) if (found := _SEDA.match(name))}
    taken = tuple(version for version in TAKEN if version in versions)
    if not taken:
        raise ProfileFault(
            "profile_of_no_seda",
            f"Ce profil ne concerne aucune version de SEDA reçue ici ({', '.join(TAKEN)}).",
            f"This profile is for no version of SEDA that is taken here ({', '.join(TAKEN)}).",
            bundle.entry,
        )
    return taken


def parser() -> etree.XMLParser:
    """Return a parser that loads nothing and expands nothing; xmlschema trips over the comments of a tree of lxml."""
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )


def _root(name: str, content: bytes) -> etree._Element:
    if not _looks_like_xml(content):
        raise ProfileFault(
            "profile_not_xml",
            "Ce document n'est pas du XML. La syntaxe compacte de RELAX NG n'est pas acceptée : convertissez-la en "
            "syntaxe XML (trang).",
            "This document is no XML. The compact syntax of RELAX NG is not taken: convert it to the XML syntax "
            "(trang).",
            name,
            1,
        )
    try:
        root = etree.fromstring(content, parser())
    except etree.XMLSyntaxError as error:
        line, column = error.position
        said = (error.msg or "").partition(", line ")[0][:300]
        raise ProfileFault(
            "profile_malformed",
            f"Le XML est mal formé : {said}.",
            f"The XML is not well formed: {said}.",
            name,
            line or None,
            column or None,
        ) from error
    if root.getroottree().docinfo.doctype:
        raise ProfileFault(
            "profile_doctype",
            "Un profil n'a pas de DOCTYPE : ni DTD, ni entités.",
            "A profile has no DOCTYPE: neither DTD nor entities.",
            name,
            1,
        )
    return root


def _looks_like_xml(content: bytes) -> bool:
    # UTF-16 and UTF-8 with their marks, or plain.
    return content.lstrip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe").startswith(b"<")


def _require_kind(name: str, root: etree._Element, kind: Kind) -> None:
    namespace = etree.QName(root).namespace
    expected = RELAXNG if kind is Kind.RELAXNG else XSD
    if namespace != expected or (expected == XSD and etree.QName(root).localname != "schema"):
        raise ProfileFault(
            "profile_of_other_kind",
            f"Le document d'entrée n'est pas de l'espèce annoncée ({kind}) : sa racine est « {root.tag!s:.150} ».",
            f"The entry document is not of the kind announced ({kind}): its root is “{root.tag!s:.150}”.",
            name,
            _line(root),
        )


def _require_complete(name: str, root: etree._Element, bundle: Bundle) -> None:
    for element in root.iter(etree.Element):
        if any(_REACHING_OUT.search(element.get(expression, "")) for expression in ("test", "xpath")):
            raise ProfileFault(
                "profile_reaches_out",
                "Une assertion ne demande rien à d'autres documents : doc, doc-available, collection sont refusés.",
                "An assertion asks nothing of other documents: doc, doc-available, collection are refused.",
                name,
                _line(element),
            )
        if element.get(_BASE) is not None:
            raise ProfileFault(
                "profile_base",
                "xml:base n'est pas accepté dans un profil.",
                "xml:base is not taken in a profile.",
                name,
                _line(element),
            )
        location = element.get(_LOADING.get(str(element.tag), _BASE))
        if location is not None and _target(name, location) not in bundle.documents:
            raise ProfileFault(
                "profile_incomplete",
                f"Ce document en demande un autre, « {location[:150]} », que le profil ne contient pas : rien n'est "
                "pris ailleurs. Déposez un ZIP qui les contient tous.",
                f"This document asks for another, “{location[:150]}”, which the profile does not hold: nothing is "
                "taken from elsewhere. Upload a ZIP that holds them all.",
                name,
                _line(element),
            )


def _target(name: str, location: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(location)))


def _line(element: etree._Element) -> int | None:
    return element.sourceline


def _namespaces(root: etree._Element) -> Iterator[str]:
    """Yield what a document names as namespaces, prefixes that it may not use aside."""
    for element in root.iter(etree.Element):
        yield element.get("targetNamespace", "")
        yield element.get("ns", "")
        if element.tag == f"{{{RELAXNG}}}element":
            prefix, _, local = (element.get("name") or element.findtext(f"{{{RELAXNG}}}name") or "").rpartition(":")
            yield element.nsmap.get(prefix.strip(), "") if prefix and local else ""
