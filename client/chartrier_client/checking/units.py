"""What is plausible of one unit: a title, a level of the standard, dates in order, rules that can be reckoned."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from chartrier_client.checking.facts import RuleFacts, UnitFacts
from chartrier_client.checking.findings import LocalFinding, found
from chartrier_client.description import FINAL_ACTIONS, Level, RuleCategory

_LEVELS: Final = frozenset(Level)
_ACTIONS: Final = {category.value: actions for category, actions in FINAL_ACTIONS.items()}
_CATEGORIES: Final = frozenset(RuleCategory)
_ZONE: Final = r"(?:Z|[+-][0-9]{2}:[0-9]{2})?"
_DATE: Final = re.compile(rf"(-?[0-9]{{4,}}(?:-[0-9]{{2}}(?:-[0-9]{{2}})?)?)(?:T[0-9:.]+)?{_ZONE}")


def unit_findings(unit: UnitFacts) -> Iterator[LocalFinding]:
    """Say what is wrong with a unit that was read; one that only refers to another describes nothing."""
    if unit.refers:
        return
    if not any(unit.titles):
        yield found("UNIT_TITLE_EMPTY", unit.place)
    if unit.level is not None and unit.level not in _LEVELS:
        yield found("UNIT_LEVEL", unit.place, level=unit.level[:80])
    yield from _date_findings(unit)
    for rule in unit.rules:
        yield from _rule_findings(unit, rule)


def _date_findings(unit: UnitFacts) -> Iterator[LocalFinding]:
    known: dict[str, str] = {}
    for element, text in unit.dates.items():
        match = _DATE.fullmatch(text)
        if match is None:
            yield found("UNIT_DATE_UNREADABLE", unit.place, element=element, date=text[:80])
        else:
            known[element] = match[1]
    start, end = known.get("StartDate", ""), known.get("EndDate", "")
    # Dates of different precision are compared as far as both are known; years of more than four digits are not.
    shared = min(len(start), len(end))
    if shared in {4, 7, 10} and not start.startswith("-") and end[:shared] < start[:shared]:
        yield found("UNIT_DATES_REVERSED", unit.place, start=start, end=end)


def _rule_findings(unit: UnitFacts, rule: RuleFacts) -> Iterator[LocalFinding]:
    place, category = f"manifest.xml:{rule.line} {unit.id}", rule.category
    if any(not code for code in rule.codes):
        yield found("RULE_CODE_EMPTY", place, category=category)
    for day in rule.days:
        if not _is_a_day(day):
            yield found("RULE_DATE", place, category=category, date=day[:80])
    if category in _ACTIONS and rule.final_action not in _ACTIONS[category]:
        yield found("RULE_FINAL_ACTION", place, category=category, action=(rule.final_action or "")[:80])
    if category in _CATEGORIES and not (rule.codes or rule.others or rule.final_action):
        yield found("RULE_CATEGORY_EMPTY", place, category=category)


def _is_a_day(text: str) -> bool:
    try:
        date.fromisoformat(re.sub(rf"{_ZONE}$", "", text))
    except ValueError:
        return False
    return True
