"""There is something to describe, and each unit can be named."""

from collections.abc import Iterator

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.pipeline.sip import Sip


def check_titles(sip: Sip) -> Iterator[Finding]:
    """Report a manifest without units, and units whose title is empty or absent."""
    units = sip.manifest.units
    if not units:
        yield found("UNIT_NONE", sip.manifest_name)
    yield from (found("UNIT_TITLE_EMPTY", sip.place(unit)) for unit in units if not unit.title)
