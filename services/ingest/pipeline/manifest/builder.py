"""Build the manifest's model from elements as they begin and end; nothing of the tree is kept."""

from collections.abc import Callable
from typing import Final

from lxml import etree

from services.ingest.domain.limits import Limits
from services.ingest.domain.sip import DataObject, Header, Manifest, Reference, RuleCategory, Unit
from services.ingest.pipeline.manifest.agencies import OF_UNITS, Agencies
from services.ingest.pipeline.manifest.bounds import BeyondLimit, Bounds
from services.ingest.pipeline.manifest.content import json_of, local_name
from services.ingest.pipeline.manifest.elements import child_text, data_object, rule_categories, text_of
from services.ingest.pipeline.manifest.sweeping import ROOT, forget
from services.ingest.pipeline.manifest.units import OpenUnit, resolved

_HEADER: Final = {
    "ArchivalAgreement": "archival_agreement",
    "ArchivalAgency": "archival_agency",
    "TransferringAgency": "transferring_agency",
    "Comment": "comment",
    "ArchivalProfile": "archival_profile",
    "OriginatingAgencyIdentifier": "originating_agency",
    "SubmissionAgencyIdentifier": "submission_agency",
    "AcquisitionInformation": "acquisition_information",
    "LegalStatus": "legal_status",
    "ServiceLevel": "service_level",
}
REFERENCES: Final = frozenset(
    {
        "ArchiveUnitRefId",
        "DataObjectReferenceId",
        "DataObjectGroupReferenceId",
        "SignedObjectId",
        "SignedDocumentReferenceId",
    }
)
_RESTRICTIONS: Final = ("restrictionRuleIdRef", "restrictionValue", "restrictionEndDate")


class ManifestBuilder:
    """Takes the events of `TAGS` in document order, then gives the model."""

    def __init__(self, version: str, namespace: str, limits: Limits) -> None:
        self._version = version
        self.namespace = namespace
        self._bounds = Bounds(limits)
        self._reference_tags = [f"{{{namespace}}}{name}" for name in REFERENCES]
        self._header: dict[str, str | None] = {}
        self._open: list[OpenUnit] = []
        self._group: str | None = None
        self._objects: list[DataObject] = []
        self._groups: dict[str, list[str]] = {}
        self._units: list[Unit] = []
        self._aliases: dict[str, str] = {}
        self._management: tuple[RuleCategory, ...] = ()
        self._identifiers: list[tuple[str, int]] = []
        self._references: list[Reference] = []
        self._agencies = Agencies(namespace)
        self._starts: dict[str, Callable[[etree._Element], None]] = {
            "ArchiveUnit": self._unit_starts,
            "DataObjectGroup": self._group_starts,
        }
        self._ends: dict[str, Callable[[etree._Element], None]] = {
            "ArchiveUnit": self._unit_ends,
            "ArchiveUnitRefId": self._unit_reference,
            "ArchiveUnitProfile": self._profile,
            "Management": self._unit_management,
            "Content": self._content,
            "DataObjectReference": self._object_reference,
            "DataObjectGroup": self._group_ends,
            "BinaryDataObject": self._object,
            "PhysicalDataObject": self._object,
            "ManagementMetadata": self._management_metadata,
            **dict.fromkeys(("Comment", "Date", "MessageIdentifier", "ArchivalAgreement"), self._header_text),
            **dict.fromkeys(("ArchivalAgency", "TransferringAgency"), self._agency),
        }

    def tags(self) -> list[str]:
        """Return the qualified names whose events are wanted."""
        return [f"{{{self.namespace}}}{name}" for name in (ROOT, *self._ends)]

    def take(self, event: str, element: etree._Element) -> None:
        """Take one event. Raises `BeyondLimit` beyond one of the limits."""
        handler = (self._starts if event == "start" else self._ends).get(local_name(str(element.tag)))
        if handler is not None:
            handler(element)

    def manifest(self) -> Manifest:
        """Return the model of what was taken."""
        groups = {group: tuple(members) for group, members in self._grouped().items()}
        units = tuple(resolved(self._units, self._aliases))
        held = {child for unit in units for child in unit.children}
        return Manifest(
            header=self._made_header(),
            objects=tuple(self._objects),
            groups=groups,
            units=units,
            roots=tuple(unit.id for unit in units if unit.id not in held),
            management=self._management,
            identifiers=tuple(self._identifiers),
            references=tuple(self._references),
            agencies=tuple(self._agencies.named()),
        )

    def _made_header(self) -> Header:
        values = {ours: self._header.get(element) for element, ours in _HEADER.items()}
        identifier, date = (self._header.get(name) or "" for name in ("MessageIdentifier", "Date"))
        return Header(self._version, identifier, date, **values)

    def _grouped(self) -> dict[str, list[str]]:
        for found in self._objects:
            if found.group in self._groups:
                self._groups[found.group].append(found.id)
        return self._groups

    def _declare(self, element: etree._Element) -> str:
        identifier = element.get("id", "")
        if identifier:
            self._identifiers.append((identifier, element.sourceline or 0))
        return identifier

    def _refer(self, element: etree._Element, source: str) -> str:
        target = text_of(element) or ""
        self._link(local_name(str(element.tag)), source, target, element)
        return target

    def _link(self, name: str, source: str, target: str, element: etree._Element) -> None:
        self._bounds.count("max_links")
        self._references.append(Reference(name, source, target, element.sourceline or 0))

    def _is_in(self, element: etree._Element, parent: str) -> bool:
        above = element.getparent()
        return above is not None and above.tag == f"{{{self.namespace}}}{parent}"

    def _unit_starts(self, element: etree._Element) -> None:
        if len(self._open) >= self._bounds.depth:
            raise BeyondLimit("max_manifest_depth")
        self._open.append(OpenUnit(self._declare(element), element.sourceline or 0))

    def _unit_reference(self, element: etree._Element) -> None:
        if self._is_in(element, "ArchiveUnit"):
            self._open[-1].alias_of = self._refer(element, self._open[-1].id)

    def _object_reference(self, element: etree._Element) -> None:
        if self._is_in(element, "ArchiveUnit"):
            unit = self._open[-1]
            unit.objects.extend(self._refer(child, unit.id) for child in element)

    def _profile(self, element: etree._Element) -> None:
        if self._is_in(element, "ArchiveUnit"):
            self._open[-1].profile = text_of(element)

    def _unit_management(self, element: etree._Element) -> None:
        if self._is_in(element, "ArchiveUnit"):
            self._open[-1].rules = self._rules(element)
            forget(element)

    def _rules(self, element: etree._Element) -> tuple[RuleCategory, ...]:
        rules = tuple(rule_categories(element, self.namespace))
        for category in rules:
            self._bounds.count("max_rules", 1 + len(category.rules) + len(category.ref_non_rule_ids))
        return rules

    def _content(self, element: etree._Element) -> None:
        if not self._is_in(element, "ArchiveUnit"):
            return
        unit = self._open[-1]
        # SEDA 2.0 may describe a unit several times: it is shown by the first that nothing restricts, or the first.
        is_restricted = any(name in element.attrib for name in _RESTRICTIONS)
        is_shown = unit.content is None or (unit.is_restricted and not is_restricted)
        if is_shown:
            value = json_of(element, self._bounds.depth, self._bounds.attributes)
            unit.content, unit.is_restricted = dict(value) if isinstance(value, dict) else {}, is_restricted
        # What it is shown by tells whether it names any: looking at its elements again takes 5 µs a unit (measured).
        if not is_shown or not OF_UNITS.isdisjoint(unit.content or ()):
            self._agencies.take_unit(element, unit.id)
        for reference in element.iter(*self._reference_tags):
            self._refer(reference, unit.id)
        forget(element)

    def _unit_ends(self, element: etree._Element) -> None:
        unit = self._open.pop()
        parent = self._open[-1] if self._open else None
        if unit.alias_of is not None and unit.content is None:
            self._aliases[unit.id] = unit.alias_of
            if parent is not None:
                parent.children.append(unit.alias_of)
        else:
            self._bounds.count("max_units")
            self._units.append(unit.ended())
            if parent is not None:
                parent.children.append(unit.id)
        forget(element)

    def _group_starts(self, element: etree._Element) -> None:
        self._bounds.count("max_objects")
        self._group = self._declare(element)
        self._groups.setdefault(self._group, [])

    def _group_ends(self, element: etree._Element) -> None:
        self._group = None
        forget(element)

    def _object(self, element: etree._Element) -> None:
        self._bounds.count("max_objects")
        self._declare(element)
        found = data_object(element, self.namespace, self._group)
        for child in element:
            name = local_name(str(child.tag))
            if name == "DataObjectGroupReferenceId":
                self._refer(child, found.id)
            elif name == "DataObjectGroupId":
                self._bounds.count("max_objects")
                self._groups.setdefault(text_of(child) or "", [])
                self._identifiers.append((text_of(child) or "", child.sourceline or 0))
            elif name == "Relationship":
                target = child.get("target", "")
                self._link(name, found.id, target, child)
        self._objects.append(found)
        forget(element)

    def _management_metadata(self, element: etree._Element) -> None:
        self._management = self._rules(element)
        for child in element:
            if not len(child) and (name := local_name(str(child.tag))) in _HEADER:
                self._header[name] = text_of(child)
                self._agencies.take(child, self._header[name])
        forget(element)

    def _header_text(self, element: etree._Element) -> None:
        if self._is_in(element, "ArchiveTransfer"):
            self._header.setdefault(local_name(str(element.tag)), text_of(element))

    def _agency(self, element: etree._Element) -> None:
        if self._is_in(element, "ArchiveTransfer"):
            name = local_name(str(element.tag))
            self._header[name] = child_text(element, self.namespace, "Identifier")
            self._agencies.take(element, self._header[name])
