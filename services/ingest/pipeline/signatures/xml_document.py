"""An XML file that holds signatures, read safely, with what is needed to find what they sign."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from lxml import etree

from services.ingest.domain.limits import MIB
from services.ingest.domain.signatures import SubIndication
from services.ingest.pipeline.signatures.hashing import Marks
from services.ingest.pipeline.signatures.reading import MOST_SIGNATURES, Broken, unreadable, unsupported

DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
SIGNATURE: Final = f"{DS}Signature"
MOST_TIMES: Final = 64
"""How often a document may be signed as a whole; parts of it, as often as comes to the same."""

_FREE: Final = 16 * MIB
_ID_NAMES: Final = ("Id", "ID", "id", "{http://www.w3.org/XML/1998/namespace}id")


class XmlDocument:
    """The tree of a file, and its elements by identifier; one that several bear designates none of them."""

    def __init__(self, tree: "etree._ElementTree[etree._Element]", size: int) -> None:
        self.tree = tree
        self._left = size * MOST_TIMES + _FREE
        self.root = tree.getroot()
        self._signatures: list[etree._Element] | None = None
        self._elements: dict[str, etree._Element | None] = {}
        for element in self.root.iter(etree.Element):
            for name in _ID_NAMES:
                identifier = element.get(name)
                if identifier is not None:
                    self._elements[identifier] = None if identifier in self._elements else element

    def spend(self, count: int) -> None:
        """Note that so many bytes of it were written to be hashed. Raises `Broken` when that was too much in all."""
        self._left -= count
        if self._left < 0:
            raise Broken(SubIndication.GENERIC, "too_many", limit=str(MOST_TIMES), what="readings of the document")

    def designated(self, identifier: str) -> etree._Element:
        """Return the element of this identifier. Raises `Broken` where there is none, or more than one."""
        if identifier not in self._elements:
            raise Broken(SubIndication.SIGNED_DATA_NOT_FOUND, "not_found", what=f"#{identifier}"[:200])
        element = self._elements[identifier]
        if element is None:
            # The way to have one part verified and another read: refused, whichever of them is meant.
            raise Broken(SubIndication.FORMAT_FAILURE, "ambiguous", what=identifier[:200])
        return element

    def signatures(self) -> list[etree._Element]:
        """Return every ds:Signature, in document order. Raises `Broken` beyond `MOST_SIGNATURES`."""
        if self._signatures is None:
            found = list(islice(self.root.iter(SIGNATURE), MOST_SIGNATURES + 1))
            if len(found) > MOST_SIGNATURES:
                raise Broken(SubIndication.GENERIC, "too_many", limit=str(MOST_SIGNATURES), what="signatures")
            self._signatures = found
        return self._signatures


def open_xml(path: Path) -> XmlDocument:
    """Read a file: no entity, no network, libxml2's own limits of depth and size. Raises `Broken`."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        tree = etree.parse(str(path), parser)
    except etree.XMLSyntaxError as error:
        if error.code == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
            # No fault of its form: a text of 10 MB, 256 elements deep, or entities that grow.
            raise unsupported("XML beyond the limits of its parser") from error
        raise unreadable(str(error)) from error
    if tree.docinfo.internalDTD is not None or tree.docinfo.externalDTD is not None:
        raise unsupported("DOCTYPE")
    return XmlDocument(tree, path.stat().st_size)


def is_within(element: etree._Element, ancestor: etree._Element) -> bool:
    """Say whether an element is another, or lies in it."""
    return element is ancestor or any(each is ancestor for each in element.iterancestors())


@contextmanager
def marked(elements: list[etree._Element], marks: Marks) -> Iterator[None]:
    """Write marks around elements, in the texts beside them, and take them away again.

    To leave a signature out is to pass over what stands between the marks. lxml would change its prefixes if it were
    taken out of its document and put back.
    """
    with ExitStack() as stack:
        for each in elements:
            stack.enter_context(_marked(each, marks))
        yield


@contextmanager
def _marked(element: etree._Element, marks: Marks) -> Iterator[None]:
    parent = element.getparent()
    if parent is None:
        raise unreadable("a signature that signs the document it is the root of, without itself")
    previous, tail = element.getprevious(), element.tail
    before = parent.text if previous is None else previous.tail
    _write_text(parent, previous, (before or "") + marks.begin.decode())
    element.tail = marks.end.decode() + (tail or "")
    try:
        yield
    finally:
        element.tail = tail
        _write_text(parent, previous, before)


def _write_text(parent: etree._Element, previous: etree._Element | None, text: str | None) -> None:
    if previous is None:
        parent.text = text
    else:
        previous.tail = text
