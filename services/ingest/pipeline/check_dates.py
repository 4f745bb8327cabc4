"""Units end after they start."""

from collections.abc import Iterator

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.sip import Unit
from services.ingest.pipeline.date_bounds import Day, date_bounds
from services.ingest.pipeline.sip import Sip


def check_dates(sip: Sip) -> Iterator[Finding]:
    """Report units that surely end before they start; dates not understood are told of and kept."""
    return (finding for unit in sip.manifest.units for finding in _faults(sip, unit))


def _faults(sip: Sip, unit: Unit) -> list[Finding]:
    findings: list[Finding] = []
    start = _bounds(sip, unit, "StartDate", unit.start_date, findings)
    end = _bounds(sip, unit, "EndDate", unit.end_date, findings)
    if start and end and end[1] < start[0]:
        findings.append(
            found("UNIT_DATES_REVERSED", sip.place(unit), start=unit.start_date or "", end=unit.end_date or "")
        )
    return findings


def _bounds(sip: Sip, unit: Unit, element: str, text: str | None, findings: list[Finding]) -> tuple[Day, Day] | None:
    if not text:
        return None
    bounds = date_bounds(text)
    if bounds is None:
        findings.append(found("UNIT_DATE_UNREADABLE", sip.place(unit), element=element, date=text[:80]))
    return bounds
