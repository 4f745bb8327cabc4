"""Rules of the referential are checked together, before any is kept."""

import pytest

from services.admin.domain.rule import Category, Rule, rule_faults


@pytest.mark.parametrize("duration", ["P0Y", "P10Y", "P6M", "P1Y6M", "P30D", "unlimited"])
def test_durations_are_iso_or_unlimited(duration: str) -> None:
    assert rule_faults([Rule("R", Category.ACCESS, duration)]) == []


@pytest.mark.parametrize("duration", ["", "P", "10Y", "P-1Y", "P1.5Y", "PT1H", "P1M1Y"])
def test_other_durations_are_refused(duration: str) -> None:
    assert [fault.place for fault in rule_faults([Rule("R", Category.ACCESS, duration)])] == ["rules.0.duration"]


def test_every_fault_is_told_with_its_place() -> None:
    rules = [
        Rule("A", Category.APPRAISAL, "P1Y", "Keep"),
        Rule("A", Category.STORAGE, "P1Y", "Transfer"),
        Rule("B", Category.ACCESS, "P1Y", "Keep"),
        Rule("C", Category.HOLD, "un an"),
    ]

    assert [fault.place for fault in rule_faults(rules)] == [
        "rules.1.code",
        "rules.2.final_action",
        "rules.3.duration",
    ]
