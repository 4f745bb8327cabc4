"""Physical objects can be found on their shelf: their PhysicalId, when given, says something."""

from collections.abc import Iterator

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.sip import ObjectKind
from services.ingest.pipeline.sip import Sip


def check_physical_ids(sip: Sip) -> Iterator[Finding]:
    """Report empty physical identifiers."""
    return (
        found("OBJECT_PHYSICAL_ID_EMPTY", sip.place(each))
        for each in sip.manifest.objects
        if each.kind is ObjectKind.PHYSICAL and each.physical_id == ""
    )
