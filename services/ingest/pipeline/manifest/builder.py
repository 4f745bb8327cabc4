"""Build the manifest's model from elements as they begin and end; nothing of the tree is kept."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from lxml import etree

from services.ingest.domain.limits import Limits
from services.ingest.domain.sip import DataObject, Header, Manifest, Reference, RuleCategory, Unit
from services.ingest.pipeline.manifest.content import TooDeep, json_of, local_name
from services.ingest.pipeline.manifest.elements import child_text, data_object, rule_categories, text_of

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


class TooManyUnits(ValueError):
    """The manifest has more units than the limit."""


@dataclass(slots=True)
class _OpenUnit:
    """An ArchiveUnit whose end was not seen yet."""

    id: str
    line: int
    alias_of: str | None = None
    profile: str | None = None
    content: dict[str, object] | None = None
    is_restricted: bool = False
    rules: tuple[RuleCategory, ...] = ()
    children: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)


class ManifestBuilder:
    """Takes the events of `TAGS` in document order, then gives the model."""

    def __init__(self, version: str, namespace: str, limits: Limits) -> None:
        self._version = version
        self._namespace = namespace
        self._limits = limits
        self._header: dict[str, str | None] = {}
        self._open: list[_OpenUnit] = []
        self._group: str | None = None
        self._objects: list[DataObject] = []
        self._groups: dict[str, list[str]] = {}
        self._units: list[Unit] = []
        self._aliases: dict[str, str] = {}
        self._management: tuple[RuleCategory, ...] = ()
        self._identifiers: list[tuple[str, int]] = []
        self._references: list[Reference] = []
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
        return [f"{{{self._namespace}}}{name}" for name in self._ends]

    def take(self, event: str, element: etree._Element) -> None:
        """Take one event. Raises `TooDeep` or `TooManyUnits` beyond the limits."""
        handler = (self._starts if event == "start" else self._ends).get(local_name(str(element.tag)))
        if handler is not None:
            handler(element)

    def manifest(self) -> Manifest:
        """Return the model of what was taken."""
        groups = {group: tuple(members) for group, members in self._grouped().items()}
        units = tuple(self._resolved(unit) for unit in self._units)
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

    def _resolved(self, unit: Unit) -> Unit:
        if not any(child in self._aliases for child in unit.children):
            return unit
        return replace(unit, children=tuple(self._target(child) for child in unit.children))

    def _target(self, identifier: str) -> str:
        """Follow wrappers (an ArchiveUnit that only refers to another) to the unit itself."""
        seen = set()
        while identifier in self._aliases and identifier not in seen:
            seen.add(identifier)
            identifier = self._aliases[identifier]
        return identifier

    def _declare(self, element: etree._Element) -> str:
        identifier = element.get("id", "")
        if identifier:
            self._identifiers.append((identifier, element.sourceline or 0))
        return identifier

    def _refer(self, element: etree._Element, source: str) -> str:
        target = text_of(element) or ""
        self._references.append(Reference(local_name(str(element.tag)), source, target, element.sourceline or 0))
        return target

    def _is_in(self, element: etree._Element, parent: str) -> bool:
        above = element.getparent()
        return above is not None and above.tag == f"{{{self._namespace}}}{parent}"

    def _unit_starts(self, element: etree._Element) -> None:
        if len(self._open) >= self._limits.max_manifest_depth:
            raise TooDeep
        if len(self._units) >= self._limits.max_units:
            raise TooManyUnits
        self._open.append(_OpenUnit(self._declare(element), element.sourceline or 0))

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
            self._open[-1].rules = tuple(rule_categories(element, self._namespace))
            _forget(element)

    def _content(self, element: etree._Element) -> None:
        if not self._is_in(element, "ArchiveUnit"):
            return
        unit = self._open[-1]
        # SEDA 2.0 may describe a unit several times: it is shown by the first that nothing restricts, or the first.
        is_restricted = any(name in element.attrib for name in _RESTRICTIONS)
        if unit.content is None or (unit.is_restricted and not is_restricted):
            value = json_of(element, self._limits.max_manifest_depth)
            unit.content, unit.is_restricted = dict(value) if isinstance(value, dict) else {}, is_restricted
        for reference in element.iter(*(f"{{{self._namespace}}}{name}" for name in REFERENCES)):
            self._refer(reference, unit.id)
        _forget(element)

    def _unit_ends(self, element: etree._Element) -> None:
        unit = self._open.pop()
        parent = self._open[-1] if self._open else None
        if unit.alias_of is not None and unit.content is None:
            self._aliases[unit.id] = unit.alias_of
            if parent is not None:
                parent.children.append(unit.alias_of)
        else:
            self._units.append(_unit(unit))
            if parent is not None:
                parent.children.append(unit.id)
        _forget(element)

    def _group_starts(self, element: etree._Element) -> None:
        self._group = self._declare(element)
        self._groups.setdefault(self._group, [])

    def _group_ends(self, element: etree._Element) -> None:
        self._group = None
        _forget(element)

    def _object(self, element: etree._Element) -> None:
        self._declare(element)
        found = data_object(element, self._namespace, self._group)
        for child in element:
            name = local_name(str(child.tag))
            if name == "DataObjectGroupReferenceId":
                self._refer(child, found.id)
            elif name == "DataObjectGroupId":
                self._groups.setdefault(text_of(child) or "", [])
                self._identifiers.append((text_of(child) or "", child.sourceline or 0))
            elif name == "Relationship":
                target = child.get("target", "")
                self._references.append(Reference(name, found.id, target, child.sourceline or 0))
        self._objects.append(found)
        _forget(element)

    def _management_metadata(self, element: etree._Element) -> None:
        self._management = tuple(rule_categories(element, self._namespace))
        for child in element:
            if not len(child):
                self._header[local_name(str(child.tag))] = text_of(child)
        _forget(element)

    def _header_text(self, element: etree._Element) -> None:
        if self._is_in(element, "ArchiveTransfer"):
            self._header.setdefault(local_name(str(element.tag)), text_of(element))

    def _agency(self, element: etree._Element) -> None:
        if self._is_in(element, "ArchiveTransfer"):
            name = local_name(str(element.tag))
            self._header[name] = child_text(element, self._namespace, "Identifier")


def _unit(unit: _OpenUnit) -> Unit:
    content = unit.content or {}
    return Unit(
        id=unit.id,
        line=unit.line,
        level=_first_text(content.get("DescriptionLevel")),
        title=_first_text(content.get("Title")),
        description=_first_text(content.get("Description")),
        start_date=_first_text(content.get("StartDate")),
        end_date=_first_text(content.get("EndDate")),
        children=tuple(unit.children),
        object_refs=tuple(unit.objects),
        rules=unit.rules,
        content=json.dumps(content, ensure_ascii=False, separators=(",", ":")),
        profile=unit.profile,
        system_id=_first_text(content.get("SystemId")),
    )


def _first_text(value: object) -> str | None:
    """Return the first text that is not empty among the occurrences of an element, ``""`` if all are."""
    occurrences = value if isinstance(value, list) else [] if value is None else [value]
    texts = [str(each.get("#text", "") if isinstance(each, dict) else each) for each in occurrences]
    return next((text for text in texts if text), texts[0] if texts else None)


def _forget(element: etree._Element) -> None:
    """Free what was read. The element itself stays, empty: libxml2 may still be writing behind it."""
    element.clear(keep_tail=True)
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
