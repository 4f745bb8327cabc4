"""Find in an extract the element at fault, with what the grammar declares of it; and what is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree
from xmlschema.validators import XsdElement

from services.ingest.domain.suspects import Extract
from services.ingest.pipeline.explaining.grammar import child_of, transfer_element
from services.ingest.pipeline.explaining.kinds_of_values import Words, either
from services.ingest.pipeline.manifest.content import local_name

MOST_NAMES: Final = 12
"""Elements that are told when any of them may stand somewhere."""

LONGEST_VALUE: Final = 100
"""Characters that are told of what stands in a manifest."""

_XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"


@dataclass(frozen=True, slots=True)
class Place:
    """The element at fault and its parent, with the declarations of both; None where the grammar has none."""

    parent: etree._Element | None
    element: etree._Element
    around: XsdElement | None
    declared: XsdElement | None

    @property
    def name(self) -> str:
        """The name of the element, as it is told."""
        return shown(str(self.element.tag))

    @property
    def parent_name(self) -> str:
        """The name of what it is in, as it is told."""
        return "" if self.parent is None else shown(str(self.parent.tag))


@dataclass(frozen=True, slots=True)
class Told:
    """What is wrong in a sentence, what was found, what was expected."""

    what: Words
    found: str
    expected: Words


def place_in(extract: Extract, version: str) -> Place | None:
    """Return the element at fault; None where the grammar cannot be followed to it."""
    if not extract.xml:
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    element, parent = etree.fromstring(extract.xml, parser), None
    here: XsdElement | None = transfer_element(version)
    around: XsdElement | None = None
    for _ in range(extract.depth):
        if here is None or _XSI_TYPE in element.attrib:
            return None  # in what is no part of SEDA, or of another type than is declared
        parent, around, element = element, here, element[-1]
        here = child_of(around, str(element.tag))
    return None if _XSI_TYPE in element.attrib else Place(parent, element, around, here)


def shown(name: str) -> str:
    """Return the name of an element without its namespace, and no more of it than is read."""
    return clipped(local_name(name))


def clipped(text: str | None) -> str:
    """Return a text on one line, as long as it is read."""
    told = " ".join((text or "").split())
    return told if len(told) <= LONGEST_VALUE else f"{told[:LONGEST_VALUE]}…"


def one_of(names: Sequence[str]) -> Words:
    """Return names of elements as alternatives."""
    told = [local_name(name) for name in names]
    if len(told) > MOST_NAMES:
        told = [f"{', '.join(told[:MOST_NAMES])}…"]
    return either([Words(name, name) for name in told])
