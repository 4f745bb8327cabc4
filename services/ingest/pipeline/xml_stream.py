"""Write XML documents of any length without holding them, and texts that may be foreign to XML."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from lxml import etree

if TYPE_CHECKING:
    # The type of lxml's writer has a name for type checkers only.
    from lxml.etree._serializer import _IncrementalFileWriter

# XML 1.0 §2.2, what is not a Char. Names of files and places of findings may hold some; lxml refuses them.
_FORBIDDEN = re.compile(r"[^\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# An element as data: its name, and its text or its children.
Node = tuple[str, "str | Iterable[Node]"]


class Sink(Protocol):
    """Where a document goes."""

    def write(self, data: bytes, /) -> int:
        """Take `data` and return its length."""


def xml_text(value: str) -> str:
    """Return `value` with each character that XML forbids replaced by U+FFFD."""
    return _FORBIDDEN.sub("\ufffd", value)


def xml_token(value: str, otherwise: str) -> str:
    """Return `value` as a non-empty xsd:token (single blanks only), or `otherwise` if nothing is left."""
    return " ".join(xml_text(value).split()) or otherwise


class XmlStream:
    """The inside of an element being written; names are taken in one namespace, ``""`` for none."""

    def __init__(self, writer: "_IncrementalFileWriter", namespace: str) -> None:
        self._writer = writer
        self._brace = f"{{{namespace}}}" if namespace else ""

    def element(self, name: str, attributes: Mapping[str, str]) -> AbstractContextManager[None]:
        """Open an element; what is written before the end of the context is inside."""
        clean = {key: xml_text(value) for key, value in attributes.items()}
        return self._writer.element(self._brace + name, clean)

    def empty(self, name: str, attributes: Mapping[str, str]) -> None:
        """Write an element without contents."""
        with self.element(name, attributes):
            pass

    def text(self, value: str) -> None:
        """Write a text."""
        self._writer.write(xml_text(value))

    def nodes(self, nodes: Iterable[Node]) -> None:
        """Write elements given as data, one after another."""
        for name, value in nodes:
            with self._writer.element(self._brace + name):
                if isinstance(value, str):
                    self.text(value)
                else:
                    self.nodes(value)

    def instruction(self, target: str, text: str) -> None:
        """Write ``<?target text?>``: no text nor attribute can be mistaken for it."""
        self._writer.write(etree.ProcessingInstruction(target, text))


@contextmanager
def document(
    out: Sink, root: str, attributes: Mapping[str, str], namespaces: Sequence[tuple[str | None, str]]
) -> Iterator[XmlStream]:
    """Write a document in UTF-8 to `out`; `root` is in the first of `namespaces` (prefix or None, name)."""
    with etree.xmlfile(out, encoding="UTF-8") as writer:
        writer.write_declaration()
        namespace = namespaces[0][1]
        clean = {key: xml_text(value) for key, value in attributes.items()}
        with writer.element(f"{{{namespace}}}{root}", clean, nsmap=dict(namespaces)):
            yield XmlStream(writer, namespace)


@contextmanager
def fragment(out: Sink, root: str) -> Iterator[XmlStream]:
    """Write one element, in no namespace and without declaration, to stand inside another document."""
    with etree.xmlfile(out, encoding="UTF-8") as writer, writer.element(root):
        yield XmlStream(writer, "")
