"""Templates are data: an administrator can use them as they are, and somebody may have edited one wrongly."""

from datetime import date
from pathlib import Path

import pytest

from chartrier_client import Rule, RuleCategory
from chartrier_client.municipal import template
from chartrier_client.municipal.refusal import FlowError
from chartrier_client.municipal.template import SHIPPED, read_template, shipped_template
from services.admin.domain.faults import formats_faults, identifier_fault
from services.admin.domain.rule import Category, rule_faults
from services.admin.domain.rule import Rule as AdminRule

DAY = date(2026, 4, 2)
TEMPLATES = Path(template.__file__).parent / "templates"
WHOLE = """
[agreement]
identifier = "A"
name = "Un accord"
formats = ["fmt/101"]

[rules.accounts]
category = "AppraisalRule"
code = "APP-1"
duration = "P10Y"
final_action = "Destroy"
"""


def edited(folder: Path, text: str) -> Path:
    path = folder / "modele.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("flow", SHIPPED)
def test_an_administrator_accepts_each_as_it_is(flow: str) -> None:
    shipped = shipped_template(flow)
    rules = [
        AdminRule(rule.code, Category(rule.category), rule.duration, rule.final_action)
        for rule in shipped.rules.values()
    ]

    assert identifier_fault(shipped.agreement.identifier) is None
    assert formats_faults(shipped.agreement.formats) == []
    assert rule_faults(rules) == []


@pytest.mark.parametrize("flow", SHIPPED)
def test_each_says_that_it_is_an_example(flow: str) -> None:
    text = (TEMPLATES / f"{flow}.toml").read_text(encoding="utf-8")

    assert "EXAMPLE, to be validated by the Archives départementales" in text
    assert "EXEMPLE, à faire valider par les Archives départementales" in text


def test_one_code_means_one_thing_in_all_of_them() -> None:
    known: dict[str, object] = {}
    for flow in SHIPPED:
        for rule in shipped_template(flow).rules.values():
            assert known.setdefault(rule.code, rule) == rule


def test_terms_are_agreed_on_with_an_establishment(tmp_path: Path) -> None:
    read = read_template(edited(tmp_path, WHOLE))
    terms = read.terms("VILLE", identifier="ESSAI", sandbox=True)

    assert (terms.establishment, terms.identifier, terms.sandbox, terms.formats) == (
        "VILLE",
        "ESSAI",
        True,
        ("fmt/101",),
    )
    assert read.terms("VILLE").identifier == "A"


def test_a_unit_bears_a_rule_from_its_day_on(tmp_path: Path) -> None:
    read = read_template(edited(tmp_path, WHOLE))

    assert read.rule("accounts", DAY) == Rule(RuleCategory.APPRAISAL, "APP-1", DAY, "Destroy")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("agreement = ", "ne peut être lu"),
        ("[rules]", "'agreement' manque au modèle"),
        (WHOLE.replace('code = "APP-1"', ""), "the template has no 'code'"),
        (WHOLE.replace("AppraisalRule", "Appraisal"), "'Appraisal' is not a valid RuleCategory"),
        (WHOLE.replace("formats", "format"), "unexpected keyword argument 'format'"),
    ],
)
def test_a_wrong_template_is_named_with_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(FlowError, match=r"modele\.toml : .*") as refused:
        read_template(edited(tmp_path, text))

    assert told in str(refused.value)


def test_a_rule_that_is_not_there_is_named(tmp_path: Path) -> None:
    read = read_template(edited(tmp_path, WHOLE))

    with pytest.raises(FlowError, match="la règle « access » manque au modèle / the template has no rule “access”"):
        read.rule("access", DAY)
