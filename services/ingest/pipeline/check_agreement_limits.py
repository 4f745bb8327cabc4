"""The deposit is no larger than its agreement allows."""

from collections.abc import Iterator

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.pipeline.sip import Sip


def check_agreement_limits(sip: Sip) -> list[Finding]:
    """Report too many units, and too many bytes of files."""
    units, size = len(sip.manifest.units), sum(file.size for file in sip.files.values())
    return [
        *_over("HEADER_TOO_MANY_UNITS", units, sip.agreement.max_units),
        *_over("HEADER_TOO_MANY_BYTES", size, sip.agreement.max_bytes),
    ]


def _over(code: str, number: int, limit: int | None) -> Iterator[Finding]:
    if limit is not None and number > limit:
        yield found(code, "container", found=str(number), limit=str(limit))
