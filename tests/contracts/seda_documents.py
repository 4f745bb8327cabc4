"""Documents of every SEDA message, drawn at random from our own schemas; each drawing is valid."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Final

from lxml import etree
from lxml.etree import _Element as Element

from services.ingest.pipeline.schema import NAMESPACES, SCHEMAS

XS: Final = "{http://www.w3.org/2001/XMLSchema}"
XML: Final = "{http://www.w3.org/XML/1998/namespace}"
XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
XLINK: Final = "{http://www.w3.org/1999/xlink}"

# Below this depth only what is mandatory is drawn: units nest without end.
_DEEPEST: Final = 9

_SAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "string": ("Registre", ""),
    "token": ("jeton", "deux mots"),
    "boolean": ("true", "0"),
    "date": ("2024-02-29", "1998-07-12Z"),
    "dateTime": ("2024-02-29T08:30:00", "2024-02-29T08:30:00.5+02:00"),
    "gYear": ("1789",),
    "gYearMonth": ("1789-07",),
    "gMonth": ("--07",),
    "gMonthDay": ("--07-14",),
    "gDay": ("---14",),
    "anyURI": ("Content/acte.pdf",),
    "language": ("fr", "oc-FR"),
    "IDREF": ("I1",),
    "positiveInteger": ("1", "2048"),
    "int": ("12", "-3"),
    "integer": ("123456789012345",),
    "decimal": ("29.7", "-.5"),
    "base64Binary": ("YWJj",),
    "hexBinary": ("0a1B",),
    "anyType": ("française",),
}
# What a document must choose among by xsi:type, where the type of an element is abstract.
_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "authorizationReply": (
        "AuthorizationControlAuthorityRequestReplyType",
        "AuthorizationOriginatingAgencyRequestReplyType",
    ),
    "openContent": ("TextTechnicalMetadataType", "OrganizationDescriptiveMetadataType"),
}


def messages() -> tuple[str, ...]:
    """The names of the fifteen messages."""
    root = etree.parse(SCHEMAS / "seda-messages.xsd").getroot()
    return tuple(str(e.get("name")) for e in root.findall(f"{XS}element") if e.get("abstract") is None)


def vocabulary(version: str) -> tuple[str, ...]:
    """The names of every element of a version."""
    elements = (e for node in components(version).values() for e in node.iter(f"{XS}element"))
    return tuple(sorted({name for e in elements if (name := e.get("name"))}))


def draw(version: str, message: str, rng: Random, richness: float = 0.3) -> Element:
    """Draw one valid message; `richness` is the chance that something optional is there."""
    namespace = NAMESPACES[version]
    root = etree.Element(f"{{{namespace}}}{message}", nsmap={"seda": namespace})
    scribe = _Scribe(components(version), namespace, rng, richness)
    scribe.fill(root, scribe.components["element", message], 0)
    return root


@cache
def components(version: str) -> dict[tuple[str, str], Element]:
    """Return what the files of a version declare at their top, by kind and name."""
    found: dict[tuple[str, str], Element] = {}
    entry = etree.parse(SCHEMAS / f"seda-{version}.xsd").getroot()
    names = (str(node.get("schemaLocation")) for node in entry.findall(f"{XS}include"))
    for part in (entry, *(etree.parse(SCHEMAS / name).getroot() for name in names)):
        found |= {(_kind(node), name): node for node in part if (name := node.get("name"))}
    return found


def _kind(node: Element) -> str:
    return etree.QName(node).localname if isinstance(node.tag, str) else "comment"


@dataclass
class _Scribe:
    components: dict[tuple[str, str], Element]
    namespace: str
    rng: Random
    richness: float
    identifiers: Iterator[int] = field(default_factory=lambda: iter(range(1, 1_000_000)))

    def fill(self, element: Element, declaration: Element, depth: int) -> None:
        type_name = str(declaration.get("type"))
        definition = self.components.get(("complexType", type_name))
        if definition is None:
            element.text = self.value(type_name)
            return
        if type_name in _KINDS:
            type_name = self.rng.choice(_KINDS[type_name])
            element.set(f"{XSI}type", f"seda:{type_name}")
            definition = self.components["complexType", type_name]
        self.content(element, definition, depth)

    def content(self, element: Element, definition: Element, depth: int) -> None:
        """Write what a type, or one extension of it, asks for: the base first."""
        for node in definition:
            match _kind(node):
                case "sequence" | "choice" | "all" | "group":
                    self.particle(element, node, depth)
                case "attribute":
                    self.attribute(element, node)
                case "attributeGroup":
                    self.content(element, self.components["attributeGroup", str(node.get("ref"))], depth)
                case "complexContent" | "simpleContent":
                    extension = node[0]
                    base = str(extension.get("base"))
                    if ("complexType", base) in self.components:
                        self.content(element, self.components["complexType", base], depth)
                    else:
                        element.text = self.value(base)
                    self.content(element, extension, depth)

    def attribute(self, element: Element, node: Element) -> None:
        if node.get("use") != "required" and self.rng.random() > self.richness:
            return
        match node.get("ref"):
            case None:
                element.set(str(node.get("name")), self.value(str(node.get("type"))))
            case "xml:id":
                element.set(f"{XML}id", self.value("xs:ID"))
            case "xml:lang":
                element.set(f"{XML}lang", "fr")
            case _:
                element.set(f"{XLINK}href", "https://exemple.fr/")

    def particle(self, parent: Element, node: Element, depth: int) -> None:
        for _ in range(self.occurrences(node, depth)):
            match _kind(node):
                case "sequence" | "all":
                    self.each(parent, node, depth)
                case "choice":
                    options = [
                        p for p in node if isinstance(p.tag, str) and not str(p.get("ref")).endswith("Abstract")
                    ]
                    self.particle(parent, self.rng.choice(options), depth)
                case "group":
                    self.each(parent, self.components["group", str(node.get("ref"))], depth)
                case "any":
                    etree.SubElement(parent, "{urn:exemple:metier}note").text = "note"
                case "element" if node.get("ref") is None:
                    child = etree.SubElement(parent, f"{{{self.namespace}}}{node.get('name')}")
                    self.fill(child, node, depth + 1)

    def each(self, parent: Element, nodes: Element, depth: int) -> None:
        for node in nodes:
            self.particle(parent, node, depth)

    def occurrences(self, node: Element, depth: int) -> int:
        least = int(node.get("minOccurs") or 1)
        upper = node.get("maxOccurs") or "1"
        most = least + 2 if upper == "unbounded" else int(upper)
        if depth > _DEEPEST:
            return least
        return least + sum(self.rng.random() < self.richness for _ in range(most - least))

    def value(self, type_name: str) -> str:
        """Write a value of a simple type; those of our schemas restrict another or unite several."""
        builtin = type_name.removeprefix("xs:")
        if builtin == "ID":
            return f"I{next(self.identifiers)}"
        if builtin != type_name:
            return self.rng.choice(_SAMPLES[builtin])
        derivation = self.components["simpleType", type_name][0]
        if members := derivation.get("memberTypes"):
            return self.value(self.rng.choice(members.split()))
        patterns = [p for f in derivation.findall(f"{XS}pattern") for p in str(f.get("value")).split("|")]
        return self.rng.choice(patterns) if patterns else self.value(str(derivation.get("base")))
