"""Management rules beside their codes: what a unit refuses to inherit."""

from pathlib import Path

import pytest

from services.ingest.domain.agreement import UnknownRules
from services.ingest.domain.findings import Severity
from services.ingest.domain.instruments import Identification
from services.ingest.domain.known_rule import KnownRule
from services.ingest.domain.limits import Limits
from services.ingest.pipeline.judge import judge
from tests.builders.sips import AFile, ASip, AUnit, a_sip, an_agreement

RULES = {"APP1": KnownRule("AppraisalRule"), "ACC1": KnownRule("AccessRule")}


def found_in(folder: Path, inheritance: str, unknown: UnknownRules = UnknownRules.WARN) -> list[tuple[str, Severity]]:
    management = f"<AccessRule><Rule>ACC1</Rule>{inheritance}</AccessRule>"
    sip = ASip((AFile("a.txt", b"a"),), (AUnit("Un", files=(0,), management=management),))
    agreement = an_agreement(unknown_rules=unknown)
    path = a_sip(folder / "sip", sip)
    verdict = judge(path, agreement, RULES, Limits(), lambda _: Identification("fmt/0"), None)
    return [(each.code, each.severity) for each in verdict.findings]


@pytest.mark.parametrize("inheritance", ["", "<PreventInheritance>true</PreventInheritance>"])
def test_a_unit_may_refuse_what_it_inherits(tmp_path: Path, inheritance: str) -> None:
    assert found_in(tmp_path, inheritance) == []


def test_it_may_refuse_some_rules(tmp_path: Path) -> None:
    assert found_in(tmp_path, "<RefNonRuleId>ACC1</RefNonRuleId>") == []


def test_but_only_rules_of_the_category(tmp_path: Path) -> None:
    assert found_in(tmp_path, "<RefNonRuleId>APP1</RefNonRuleId>") == [("RULE_REFUSED_CATEGORY", Severity.ERROR)]


@pytest.mark.parametrize(
    ("unknown", "severity"), [(UnknownRules.WARN, Severity.WARNING), (UnknownRules.REJECT, Severity.ERROR)]
)
def test_that_are_known_where_the_agreement_asks_for_it(
    tmp_path: Path, unknown: UnknownRules, severity: Severity
) -> None:
    found = found_in(tmp_path, "<RefNonRuleId>ACC9</RefNonRuleId>", unknown)

    assert found == [("RULE_REFUSED_UNKNOWN", severity)]


def test_refusing_all_and_some_is_told_beside_what_the_grammar_says(tmp_path: Path) -> None:
    both = "<PreventInheritance>true</PreventInheritance><RefNonRuleId>ACC1</RefNonRuleId>"

    assert found_in(tmp_path, both) == [
        ("MANIFEST_SCHEMA", Severity.ERROR),
        ("RULE_INHERITANCE_TWICE", Severity.ERROR),
    ]
