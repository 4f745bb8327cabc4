"""Units end after they start, at dates that can be meant."""

from collections.abc import Iterator

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.sip import Unit
from services.ingest.pipeline.date_bounds import FAR, date_bounds, is_without_year, surely_before
from services.ingest.pipeline.sip import Sip


def check_dates(sip: Sip) -> Iterator[Finding]:
    """Report units that surely end before they start; odd dates, and those not understood, are told of and kept."""
    return (finding for unit in sip.manifest.units for finding in _faults(sip, unit))


def _faults(sip: Sip, unit: Unit) -> Iterator[Finding]:
    start, end = unit.start_date or "", unit.end_date or ""
    for element, text in (("StartDate", start), ("EndDate", end)):
        code = _oddity(text) if text else None
        if code is not None:
            yield found(code, sip.place(unit), element=element, date=text[:80])
    if surely_before(end, start):
        yield found("UNIT_DATES_REVERSED", sip.place(unit), start=start, end=end)


def _oddity(text: str) -> str | None:
    bounds = date_bounds(text)
    if bounds is None:
        return "UNIT_DATE_WITHOUT_YEAR" if is_without_year(text) else "UNIT_DATE_UNREADABLE"
    return "UNIT_DATE_FAR" if bounds[0][0] >= FAR else None
