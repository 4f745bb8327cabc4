"""The dates of management rules can be meant: a hold ends once, after it starts; nothing starts in the year 9000."""

from collections.abc import Iterator

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.sip import Rule
from services.ingest.domain.tolerances import FAR_DATES
from services.ingest.pipeline.borne_rules import borne_rules
from services.ingest.pipeline.date_bounds import FAR, date_bounds, surely_before
from services.ingest.pipeline.sip import Sip


def check_rule_dates(sip: Sip) -> Iterator[Finding]:
    """Report holds that end twice or before they start, and dates too far to be meant (as the agreement says).

    A rule with a duration ends by it; HoldEndDate is for a rule without one.
    """
    return (
        finding
        for place, category in borne_rules(sip)
        for rule in category.rules
        for finding in (*_reversed(place, rule), *_twice(sip, place, rule), *_far(sip, place, rule))
    )


def _reversed(place: str, rule: Rule) -> Iterator[Finding]:
    start, end = rule.start_date or "", rule.hold_end_date or ""
    if surely_before(end, start):
        yield found("RULE_DATES_REVERSED", place, code=(rule.code or "")[:80], start=start, end=end)


def _twice(sip: Sip, place: str, rule: Rule) -> Iterator[Finding]:
    known, end = sip.rules.get(rule.code or ""), rule.hold_end_date
    # Under another category than its own the code is wrong, and its duration says nothing of this rule.
    if end and known is not None and known.category == rule.category and known.ends_by_itself:
        named = {"code": (rule.code or "")[:80], "end": end[:80], "duration": (known.duration or "")[:80]}
        yield found("RULE_HOLD_END_TWICE", place, **named)


def _far(sip: Sip, place: str, rule: Rule) -> Iterator[Finding]:
    severity = Severity.WARNING if FAR_DATES in sip.agreement.schema_tolerances else Severity.ERROR
    for element, date in (("StartDate", rule.start_date), ("HoldEndDate", rule.hold_end_date)):
        bounds = date_bounds(date or "")
        if bounds and bounds[0][0] >= FAR:
            named = {"code": (rule.code or "")[:80], "element": element, "date": (date or "")[:80]}
            yield found("RULE_DATE_FAR", place, severity, **named)
