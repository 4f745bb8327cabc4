"""SEDA elements as JSON values.

An element without attribute nor child is its text, stripped; any other is an object: attributes as ``@name``,
children by their name, several of one name as an array in their order, its own text as ``#text``.
"""

from typing import Final

from lxml import etree

from services.ingest.pipeline.manifest.bounds import BeyondLimit

XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
Json = str | dict[str, "Json"] | list["Json"]


def local_name(tag: str) -> str:
    """Return an element's name without its namespace."""
    return tag.rpartition("}")[2]


def json_of(element: etree._Element, depth: int, attributes: int) -> Json:
    """Return `element` as a JSON value.

    Raises `BeyondLimit` when it nests more than `depth` levels, or an element has more than so many `attributes`:
    lxml reads them in a time that is the square of their number.
    """
    if depth < 0:
        raise BeyondLimit("max_manifest_depth")
    if len(element.attrib) > attributes:
        raise BeyondLimit("max_attributes")
    text = (element.text or "").strip()
    if not len(element) and not element.attrib:
        return text
    value: dict[str, Json] = {f"@{_attribute(str(name))}": str(v) for name, v in element.attrib.items()}
    for child in element:
        _add(value, local_name(str(child.tag)), json_of(child, depth - 1, attributes))
    if text:
        value["#text"] = text
    return value


def _add(value: dict[str, Json], name: str, child: Json) -> None:
    before = value.get(name)
    if before is None:
        value[name] = child
    elif isinstance(before, list):
        before.append(child)
    else:
        value[name] = [before, child]


def _attribute(name: str) -> str:
    return "xml:lang" if name == XML_LANG else local_name(name)
