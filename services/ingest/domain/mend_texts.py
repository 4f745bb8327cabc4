"""What to do about each finding: one entry a code of the catalogue (`finding_texts`)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from services.ingest.domain.agency_texts import AGENCY_MENDS
from services.ingest.domain.container_mend_texts import CONTAINER_MENDS
from services.ingest.domain.finding_texts import in_words
from services.ingest.domain.findings import Finding
from services.ingest.domain.manifest_mend_texts import MANIFEST_MENDS
from services.ingest.domain.mend import Mend
from services.ingest.domain.object_mend_texts import OBJECT_MENDS
from services.ingest.domain.signature_mend_texts import SIGNATURE_MENDS
from services.ingest.domain.unit_mend_texts import UNIT_MENDS

MENDS: Final[Mapping[str, Mend]] = MappingProxyType(
    CONTAINER_MENDS | MANIFEST_MENDS | AGENCY_MENDS | OBJECT_MENDS | SIGNATURE_MENDS | UNIT_MENDS
)


def mend(finding: Finding, language: str) -> str:
    """Return what to do about a finding, in French (``fr``) or English; nothing for a code unknown here."""
    known = MENDS.get(finding.code)
    return "" if known is None else in_words(known.fr if language == "fr" else known.en, finding, language)
