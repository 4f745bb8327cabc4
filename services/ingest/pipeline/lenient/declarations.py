"""The schema documents of one version, read for what stands in an element: its children, their order, attributes.

Norm: XML Schema 1.0 part 1; of it, what the documents of SEDA use. What is included is read, what is imported is not.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from lxml import etree

from services.ingest.pipeline.lenient.content_model import ANY, ContentModel

XS: Final = "{http://www.w3.org/2001/XMLSchema}"

_GROUPS: Final = frozenset({f"{XS}sequence", f"{XS}choice", f"{XS}all"})
_ATTRIBUTES: Final = frozenset({f"{XS}attribute", f"{XS}attributeGroup", f"{XS}anyAttribute"})


class Unforeseen(ValueError):
    """The documents say something that is not understood here."""


class Declarations:
    """What the documents declare, by kind and name. All of them are of one namespace, or of none of their own."""

    def __init__(self, documents: Mapping[str, etree._Element], namespace: str) -> None:
        self.namespace = namespace
        self._named = {
            (str(node.tag).removeprefix(XS), str(node.get("name"))): node
            for root in documents.values()
            for node in root.iterchildren(f"{XS}*")
            if node.get("name")
        }
        self._instead: dict[str, list[str]] = {}
        for (kind, name), node in self._named.items():
            if kind == "element" and (head := node.get("substitutionGroup")):
                self._instead.setdefault(_local(head), []).append(name)

    def find(self, kind: str, name: str) -> etree._Element | None:
        """Return what is declared by that name, of a kind of ``element``, ``complexType``, ``group`` …, if any is."""
        return self._named.get((kind, _local(name)))

    def type_of(self, element: etree._Element) -> etree._Element | None:
        """Return the complex type of an element, be it named or its own; None where it has another, or none."""
        own = element.find(f"{XS}complexType")
        return self.find("complexType", element.get("type", "")) if own is None else own

    def attributes(self, complex_type: etree._Element) -> Iterator[etree._Element]:
        """Give what declares attributes of a type, its bases' included."""
        body, base = self._body_and_base(complex_type)
        if base is not None:
            yield from self.attributes(base)
        yield from (node for node in body if node.tag in _ATTRIBUTES)

    def content(self, complex_type: etree._Element) -> tuple[ContentModel, list[etree._Element]]:
        """Return the content of a type, and the declarations of the elements in it. Raises `Unforeseen`."""
        content = _Content(self)
        content.model.last = content.take_type(complex_type, 0)
        return content.model, content.elements

    def bases(self, complex_type: etree._Element) -> Iterator[etree._Element]:
        """Give the bodies of what a type extends, from the first, and its own last: each holds a part of it."""
        body, base = self._body_and_base(complex_type)
        if base is not None:
            yield from self.bases(base)
        yield body

    def instead_of(self, head: str) -> list[str]:
        """Return the names of the elements that may stand for another, itself first."""
        return [head, *(name for each in self._instead.get(head, ()) for name in self.instead_of(each))]

    def _body_and_base(self, complex_type: etree._Element) -> tuple[etree._Element, etree._Element | None]:
        extension = complex_type.find(f"{XS}complexContent/{XS}extension")
        if extension is None:
            restriction = complex_type.find(f"{XS}complexContent/{XS}restriction")
            return (complex_type if restriction is None else restriction), None
        base = self.find("complexType", extension.get("base", ""))
        if base is None:
            raise Unforeseen(f"base {extension.get('base')}")
        return extension, base


class _Content:
    """One content, being read."""

    def __init__(self, declarations: Declarations) -> None:
        self._declarations = declarations
        self.model = ContentModel(declarations.namespace)
        self.elements: list[etree._Element] = []

    def take_type(self, complex_type: etree._Element, start: int) -> int:
        for body in self._declarations.bases(complex_type):
            for node in body:
                if node.tag in _GROUPS or node.tag == f"{XS}group":
                    start = self._take(node, start)
        return start

    def _take(self, node: etree._Element, start: int) -> int:
        if node.get("maxOccurs") == "0":
            return start
        model = self.model
        begin = model.state()
        model.link(start, begin)
        last = self._once(node, begin)
        end = model.state()
        model.link(last, end)
        if node.get("maxOccurs", "1") != "1":
            model.link(last, begin)
        if node.get("minOccurs") == "0":
            model.link(begin, end)
        return end

    def _once(self, node: etree._Element, start: int) -> int:
        if node.tag == f"{XS}element":
            return self._element(node, start)
        if node.tag == f"{XS}any":
            return self.model.step(start, ANY)
        if node.tag == f"{XS}group" and node.get("ref"):
            group = self._declarations.find("group", node.get("ref", ""))
            inner = [] if group is None else [each for each in group if each.tag in _GROUPS]
            if not inner:
                raise Unforeseen(f"group {node.get('ref')}")
            return self._once(inner[0], start)
        if node.tag not in _GROUPS:
            raise Unforeseen(str(node.tag))
        parts = [each for each in node.iterchildren(f"{XS}*") if each.tag != f"{XS}annotation"]
        return self._in_order(parts, start) if node.tag == f"{XS}sequence" else self._one_of(node, parts, start)

    def _in_order(self, parts: list[etree._Element], start: int) -> int:
        for part in parts:
            start = self._take(part, start)
        return start

    def _one_of(self, node: etree._Element, parts: list[etree._Element], start: int) -> int:
        end = self.model.state()
        for part in parts:
            self.model.link(self._take(part, start), end)
        if node.tag == f"{XS}all":  # in whatever order: which of them are there is left to the grammar itself
            self.model.link(end, start)
            self.model.link(start, end)
        return end

    def _element(self, node: etree._Element, start: int) -> int:
        if node.get("name"):
            self.elements.append(node)
            return self.model.step(start, f"{{{self.model.namespace}}}{node.get('name')}")
        end = self.model.state()
        for name in self._declarations.instead_of(_local(node.get("ref", ""))):
            declared = self._declarations.find("element", name)
            if declared is None:
                raise Unforeseen(f"element {name}")
            if declared.get("abstract") != "true":
                self.elements.append(declared)
                self.model.link(self.model.step(start, f"{{{self.model.namespace}}}{name}"), end)
        return end


def _local(name: str) -> str:
    return name.rpartition(":")[2]
