"""The DataObjectPackage of a reply: our identifiers, under the XML identifiers of the SIP.

It bears no namespace, being made to stand inside a message of any version. Since SEDA 2.1 every unit and object has
an element for the identifier that the archive gives it. SEDA 2.0 has one for units only, whose title and level must
be told with it; there a binary object's identifier is its Uri (``urn:uuid:…``), and a physical object's is not told.
"""

from collections.abc import Iterator
from typing import BinaryIO

from services.ingest.domain.plan import BuildPlan
from services.ingest.domain.sip import DataObject, Manifest, ObjectKind, Unit
from services.ingest.pipeline.xml_stream import Node, XmlStream, fragment, xml_token

_NOT_GIVEN = "non communiqué"
_FIRST = "2.0"


def write_reply_package(manifest: Manifest, plan: BuildPlan, out: BinaryIO) -> None:
    """Write the DataObjectPackage of the reply to an accepted transfer, as the SIP's version of SEDA wants it."""
    first = manifest.header.seda_version == _FIRST
    with fragment(out, "DataObjectPackage") as xml:
        for found in manifest.objects:
            name = "BinaryDataObject" if found.kind is ObjectKind.BINARY else "PhysicalDataObject"
            with xml.element(name, {"id": found.id}):
                if first:
                    _first_object(xml, found, plan)
                else:
                    xml.nodes(_object(found, plan))
        with xml.element("DescriptiveMetadata", {}):
            for unit in manifest.units:
                with xml.element("ArchiveUnit", {"id": unit.id}):
                    told = _first_unit(unit) if first else []
                    xml.nodes([("Content", [*told, ("SystemId", str(plan.unit_id(unit.id)))])])
        xml.empty("ManagementMetadata", {})


def _object(found: DataObject, plan: BuildPlan) -> Iterator[Node]:
    yield "DataObjectSystemId", str(plan.object_id(found.id))
    if found.group:
        yield "DataObjectGroupSystemId", str(plan.group_id(found.group))
    if found.usage:
        yield "DataObjectVersion", xml_token(found.usage, _NOT_GIVEN)


def _first_object(xml: XmlStream, found: DataObject, plan: BuildPlan) -> None:
    if found.kind is ObjectKind.PHYSICAL:
        xml.nodes([("PhysicalId", xml_token(found.physical_id or "", _NOT_GIVEN))])
        return
    xml.nodes([("Uri", f"urn:uuid:{plan.object_id(found.id)}")])
    with xml.element("MessageDigest", {"algorithm": found.algorithm or _NOT_GIVEN}):
        xml.text(found.digest or "")
    xml.nodes([("Size", str(found.size or 0)), ("FormatIdentification", [])])


def _first_unit(unit: Unit) -> list[Node]:
    return [("DescriptionLevel", unit.level or "Item"), ("Title", unit.title or _NOT_GIVEN)]
