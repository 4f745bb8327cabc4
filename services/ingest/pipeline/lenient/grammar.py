"""The grammar that judges, made lenient: its frames may hold anything, what they hold is judged each for itself.

XML Schema allows no “these elements in any order, and any other”: a wildcard may not compete with names. So the
content of a frame is but a wildcard that judges what is declared and passes by what is not, and the children of
frames are declared beside it for all to see.
"""

import logging
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lxml import etree

from services.ingest.grammars import compiled, documents_of
from services.ingest.pipeline.lenient.content_model import ContentModel
from services.ingest.pipeline.lenient.declarations import XS, Declarations, Unforeseen
from services.ingest.pipeline.schema import NAMESPACES, entry_of

FRAMES: Final = (
    "ArchiveTransfer",
    "DataObjectPackage",
    "DescriptiveMetadata",
    "ManagementMetadata",
    "DataObjectGroup",
    "ArchiveUnit",
    "CodeListVersions",
    "BinaryDataObject",
    "PhysicalDataObject",
    "Management",
    "Content",
)
"""What is looked at child by child, the root first. The children of a frame are judged alone only if their names are
of one type in all frames; SEDA has two exceptions in these, Signature and LogBook."""

_OF_A_PLACE: Final = ("minOccurs", "maxOccurs", "form")
"""What an element says where it stands in a content, and may not say where it is declared for all."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lenient:
    """A grammar by which nothing is wrong with a frame, and what each frame truly holds, by its name."""

    schema: etree.XMLSchema
    contents: MappingProxyType[str, ContentModel]


def load_lenient(seda_version: str) -> Lenient | None:
    """Return the lenient form of the grammar that judges a version; None of one that cannot be made lenient.

    It is compiled once a process and grammar.
    """
    return _lenient(entry_of(seda_version), seda_version)


@cache
def _lenient(entry: Path, version: str) -> Lenient | None:
    try:
        documents = documents_of(entry)
        _close_what_is_open(documents.values())
        contents = _relax(Declarations(documents, NAMESPACES[version]))
        return Lenient(compiled(entry, documents), MappingProxyType(contents))
    except (Unforeseen, OSError, etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
        log.warning("what hides behind a fault of the schema is not looked for", extra={"error": repr(error)})
        return None


def _relax(declarations: Declarations) -> dict[str, ContentModel]:
    """Let the frames hold anything, in the documents themselves, and return what they held, by their names."""
    contents: dict[str, ContentModel] = {}
    frames: dict[str, etree._Element] = {}
    within: list[etree._Element] = []
    waiting = [declarations.find("element", FRAMES[0])]
    while waiting:
        frame = waiting.pop()
        kind = None if frame is None else declarations.type_of(frame)
        if frame is None or kind is None:
            raise Unforeseen("a frame that is no element, or has no children")
        name = str(frame.get("name"))
        if name not in frames:
            frames[name] = kind
            contents[f"{{{declarations.namespace}}}{name}"], elements = declarations.content(kind)
            within += elements
            waiting += [each for each in elements if each.get("name") in FRAMES]
    relaxed = [(kind, _frame(name, kind, declarations)) for name, kind in frames.items()]
    for name, alike in _by_name(within).items():
        if name not in frames and declarations.find("element", name) is None:
            # What is another thing in another frame cannot be declared for all but as anything.
            _root(alike[0]).append(_declared(alike[0]) if len(_types(alike)) == 1 else _anything(name))
    for kind, frame in relaxed:
        replaced = declarations.find("element", str(frame.get("name")))
        if replaced is not None:
            _root(replaced).remove(replaced)
        _root(kind).append(frame)
    return contents


def _frame(name: str, kind: etree._Element, declarations: Declarations) -> etree._Element:
    """Return the declaration of a frame that may hold anything, with the attributes it has."""
    frame = etree.Element(f"{XS}element", name=name)
    relaxed = etree.SubElement(frame, f"{XS}complexType", mixed=kind.get("mixed", "false"))
    _hold_anything(relaxed, "lax")
    relaxed.extend(deepcopy(each) for each in declarations.attributes(kind))
    return frame


def _anything(name: str) -> etree._Element:
    """Return the declaration of an element of which nothing is judged."""
    element = etree.Element(f"{XS}element", name=name)
    _open_up(element)
    return element


def _open_up(element: etree._Element) -> None:
    element.attrib.pop("type", None)
    kind = etree.SubElement(element, f"{XS}complexType", mixed="true")
    _hold_anything(kind, "skip")
    etree.SubElement(kind, f"{XS}anyAttribute", processContents="skip")


def _hold_anything(kind: etree._Element, judged: str) -> None:
    content = etree.SubElement(kind, f"{XS}sequence")
    bounds = {"minOccurs": "0", "maxOccurs": "unbounded"}
    etree.SubElement(content, f"{XS}any", bounds, namespace="##any", processContents=judged)


def _close_what_is_open(documents: Iterable[etree._Element]) -> None:
    """Pass by what elements hold that may hold anything: of what is declared in it for our sake alone."""
    for root in documents:
        for element in root.iter(f"{XS}element"):
            local = element.get("type", "anyType").rpartition(":")[2]
            named = element.get("ref") is None and element.get("abstract") is None
            if named and local == "anyType" and element.get("substitutionGroup") is None and not _has_type(element):
                _open_up(element)
        for wildcard in root.iter(f"{XS}any"):
            if wildcard.get("namespace") != "##other":
                wildcard.set("processContents", "skip")


def _has_type(element: etree._Element) -> bool:
    return element.find(f"{XS}complexType") is not None or element.find(f"{XS}simpleType") is not None


def _by_name(elements: list[etree._Element]) -> dict[str, list[etree._Element]]:
    by_name: dict[str, list[etree._Element]] = {}
    for element in elements:
        by_name.setdefault(str(element.get("name")), []).append(element)
    return by_name


def _types(elements: list[etree._Element]) -> set[str | etree._Element]:
    return {each.get("type", "").rpartition(":")[2] or each for each in elements}


def _declared(element: etree._Element) -> etree._Element:
    """Return the declaration for all of what is declared in a frame."""
    copy = deepcopy(element)
    for attribute in _OF_A_PLACE:
        copy.attrib.pop(attribute, None)
    return copy


def _root(node: etree._Element) -> etree._Element:
    return node.getroottree().getroot()
