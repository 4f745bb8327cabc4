"""Management rules are known to the referential, under the category they are used in."""

from collections.abc import Iterator

from services.ingest.domain.agreement import UnknownRules
from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.sip import Rule
from services.ingest.pipeline.borne_rules import borne_rules
from services.ingest.pipeline.sip import Sip


def check_rules(sip: Sip) -> Iterator[Finding]:
    """Report unknown rules (as the agreement says), and misplaced ones."""
    return (
        finding
        for place, category in borne_rules(sip)
        for rule in category.rules
        for finding in _faults(sip, place, rule)
    )


def _faults(sip: Sip, place: str, rule: Rule) -> Iterator[Finding]:
    code = rule.code or ""
    known = sip.rules.get(code)
    if known is None:
        rejects = sip.agreement.unknown_rules is UnknownRules.REJECT
        severity = Severity.ERROR if rejects else Severity.WARNING
        yield found("RULE_UNKNOWN", place, severity, code=code[:80], category=rule.category)
    elif known.category != rule.category:
        yield found("RULE_WRONG_CATEGORY", place, code=code[:80], category=rule.category, known=known.category)
