"""The agencies that a manifest names, for the whole transfer or unit by unit: each told once, with how often."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from services.ingest.domain.sip import NamedAgency, Role
from services.ingest.pipeline.manifest.elements import text_of

OF_UNITS: Final = frozenset({"OriginatingAgency", "SubmissionAgency"})
"""The elements of a Content that name one, in an Identifier."""

_ROLES: Final = {
    "ArchivalAgency": Role.ARCHIVAL,
    "TransferringAgency": Role.TRANSFERRING,
    "OriginatingAgencyIdentifier": Role.ORIGINATING,
    "SubmissionAgencyIdentifier": Role.SUBMISSION,
    "OriginatingAgency": Role.ORIGINATING,
    "SubmissionAgency": Role.SUBMISSION,
}


@dataclass(slots=True)
class _First:
    """Where an agency is named first, and how often in all."""

    line: int
    unit: str
    count: int = 1


class Agencies:
    """Takes elements that name an agency. A hundred thousand units that name one agency are one entry."""

    def __init__(self, namespace: str) -> None:
        self._elements = {f"{{{namespace}}}{name}": name for name in _ROLES}
        self._of_units = frozenset(f"{{{namespace}}}{name}" for name in OF_UNITS)
        self._identifier = f"{{{namespace}}}Identifier"
        self._named: dict[tuple[str, str], _First] = {}

    def take(self, element: etree._Element, identifier: str | None, unit: str = "") -> None:
        """Take an element, of whatever name, and the identifier in it; an empty one names nobody."""
        name = self._elements.get(str(element.tag))
        if not identifier or name is None:
            return
        known = self._named.get((name, identifier))
        if known is None:
            self._named[name, identifier] = _First(element.sourceline or 0, unit)
        else:
            known.count += 1

    def take_unit(self, content: etree._Element, unit: str) -> None:
        """Take what the Content of a unit names."""
        for element in content:
            if element.tag in self._of_units:
                self.take(element, text_of(next(element.iterchildren(self._identifier), None)), unit)

    def named(self) -> Iterator[NamedAgency]:
        """Yield the agencies, in the order they are named."""
        for (element, identifier), first in self._named.items():
            yield NamedAgency(_ROLES[element], element, identifier, first.line, first.unit, first.count)
