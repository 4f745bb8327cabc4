"""Each XML identifier is declared once. libxml2 does not see those that are an element's text."""

from collections.abc import Iterator

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.pipeline.sip import Sip


def check_identifiers(sip: Sip) -> Iterator[Finding]:
    """Report every declaration after the first: units, objects, groups, DataObjectGroupId."""
    first: dict[str, int] = {}
    for identifier, line in sip.manifest.identifiers:
        if identifier in first:
            place = sip.at(line, identifier)
            yield found("REFERENCE_DUPLICATE_ID", place, id=identifier, first=str(first[identifier]))
        first.setdefault(identifier, line)
