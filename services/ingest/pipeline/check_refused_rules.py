"""Rules that a unit refuses to inherit (RefNonRuleId) are known, and of the category that refuses them."""

from collections.abc import Iterator

from services.ingest.domain.agreement import UnknownRules
from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.sip import RuleCategory
from services.ingest.pipeline.borne_rules import borne_rules
from services.ingest.pipeline.sip import Sip


def check_refused_rules(sip: Sip) -> Iterator[Finding]:
    """Report refused rules that are unknown (as the agreement says) or misplaced, and refusing all and some."""
    return (finding for place, category in borne_rules(sip) for finding in _faults(sip, place, category))


def _faults(sip: Sip, place: str, category: RuleCategory) -> Iterator[Finding]:
    rejects = sip.agreement.unknown_rules is UnknownRules.REJECT
    if category.prevent_inheritance and category.ref_non_rule_ids:
        yield found("RULE_INHERITANCE_TWICE", place, category=category.category)
    for code in category.ref_non_rule_ids:
        known = sip.rules.get(code)
        named = {"code": code[:80], "category": category.category}
        if known is None:
            yield found("RULE_REFUSED_UNKNOWN", place, Severity.ERROR if rejects else Severity.WARNING, **named)
        elif known.category != category.category:
            yield found("RULE_REFUSED_CATEGORY", place, **named, known=known.category)
