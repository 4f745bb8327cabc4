"""There is something to describe, and each unit can be named."""

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.pipeline.sip import Sip


def check_titles(sip: Sip) -> list[Finding]:
    """Report a manifest without units, and units whose title is empty or absent."""
    units = sip.manifest.units
    if not units:
        return [found("UNIT_NONE", sip.manifest_name)]
    return [found("UNIT_TITLE_EMPTY", sip.place(unit)) for unit in units if not unit.title]
