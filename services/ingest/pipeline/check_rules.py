"""Management rules are known to the referential, under the category they are used in."""

from collections.abc import Iterator

from services.ingest.domain.agreement import UnknownRules
from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.sip import Rule, RuleCategory
from services.ingest.pipeline.date_bounds import date_bounds
from services.ingest.pipeline.sip import Sip


def check_rules(sip: Sip) -> list[Finding]:
    """Report unknown rules (as the agreement says), misplaced ones, and holds that end before they start."""
    return [
        finding for place, category in _borne(sip) for rule in category.rules for finding in _faults(sip, place, rule)
    ]


def _borne(sip: Sip) -> Iterator[tuple[str, RuleCategory]]:
    for category in sip.manifest.management:
        yield f"{sip.manifest_name} ManagementMetadata", category
    for unit in sip.manifest.units:
        for category in unit.rules:
            yield sip.place(unit), category


def _faults(sip: Sip, place: str, rule: Rule) -> Iterator[Finding]:
    code = rule.code or ""
    known = sip.rules.get(code)
    if known is None:
        rejects = sip.agreement.unknown_rules is UnknownRules.REJECT
        severity = Severity.ERROR if rejects else Severity.WARNING
        yield found("RULE_UNKNOWN", place, severity, code=code[:80], category=rule.category)
    elif known != rule.category:
        yield found("RULE_WRONG_CATEGORY", place, code=code[:80], category=rule.category, known=known)
    start, end = date_bounds(rule.start_date or ""), date_bounds(rule.hold_end_date or "")
    if start and end and end[1] < start[0]:
        dates = {"start": rule.start_date or "", "end": rule.hold_end_date or ""}
        yield found("RULE_DATES_REVERSED", place, code=code[:80], **dates)
