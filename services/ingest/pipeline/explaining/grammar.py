"""The grammar that judges, as `xmlschema` reads it: from local files only, once a process and version."""

from functools import cache
from pathlib import Path

from xmlschema import XMLSchema
from xmlschema.validators import XsdComplexType, XsdElement, XsdGroup

from services.ingest.grammars import COPIES
from services.ingest.pipeline.manifest.sweeping import ROOT
from services.ingest.pipeline.schema import NAMESPACES, entry_of


def transfer_element(version: str) -> XsdElement:
    """Return the declaration of ArchiveTransfer, which leads to all others. The first time takes a second."""
    return read(entry_of(version)).maps.elements[f"{{{NAMESPACES[version]}}}{ROOT}"]


@cache
def read(entry: Path) -> XMLSchema:
    """Return the grammar that begins in a file. Raises `XMLSchemaException` or `OSError` where it cannot be read."""
    return XMLSchema(
        str(entry),
        # What the official files take from the web is led to our copies; nothing else is to be had there.
        uri_mapper={url: str(copy) for url, copy in COPIES.items()},
        allow="local",
        defuse="always",
        use_fallback=False,
    )


def child_of(parent: XsdElement, tag: str) -> XsdElement | None:
    """Return the declaration of a child by its name; None where the grammar knows none, or takes any."""
    model = model_of(parent)
    found = None if model is None else model.match_element(tag)
    return found if isinstance(found, XsdElement) else None


def model_of(element: XsdElement) -> XsdGroup | None:
    """Return the content model of an element; None where it has no children."""
    content = element.type.content if isinstance(element.type, XsdComplexType) else None
    return content if isinstance(content, XsdGroup) else None
