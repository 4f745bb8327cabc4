"""Rules: their dates one against the other, and the parts that SEDA's grammar asks for."""

from pathlib import Path

import pytest

from services.ingest.domain.finding_texts import text
from services.ingest.domain.findings import Severity
from services.ingest.domain.instruments import Identification
from services.ingest.domain.known_rule import KnownRule
from services.ingest.domain.limits import Limits
from services.ingest.pipeline.judge import judge
from tests.builders.sips import ASip, AUnit, a_sip, an_agreement

RULES = {
    "HOLD1": KnownRule("HoldRule"),
    "HOLD-P1Y": KnownRule("HoldRule", "P1Y"),
    "HOLD-FOR-EVER": KnownRule("HoldRule", "unlimited"),
    "ACC-P25Y": KnownRule("AccessRule", "P25Y"),
    "HOLD2": KnownRule("HoldRule"),
    "ACC1": KnownRule("AccessRule"),
    "APP1": KnownRule("AppraisalRule"),
    "CLA1": KnownRule("ClassificationRule"),
}


def found_in(folder: Path, management: str, version: str = "2.2") -> list[tuple[str, Severity]]:
    unit = AUnit("Un", management=management)
    path = a_sip(folder / "sip", ASip((), (unit,), version=version))
    found = judge(path, an_agreement(), RULES, Limits(), lambda _: Identification("fmt/0"), None).findings
    return sorted({(each.code, each.severity) for each in found})


def a_hold(*dates: str, code: str = "HOLD1") -> str:
    return f"<HoldRule><Rule>{code}</Rule>{''.join(dates)}</HoldRule>"


@pytest.mark.parametrize(
    "dates",
    [
        (),
        ("<StartDate>2024-01-01</StartDate>",),
        ("<StartDate>2024-01-01</StartDate>", "<HoldEndDate>2024-01-01</HoldEndDate>"),
        ("<HoldEndDate>2030-01-01</HoldEndDate>",),
        # Two zones: perhaps the same day.
        ("<StartDate>2024-01-02+02:00</StartDate>", "<HoldEndDate>2024-01-01Z</HoldEndDate>"),
    ],
)
def test_a_hold_may_start_and_end(tmp_path: Path, dates: tuple[str, ...]) -> None:
    assert found_in(tmp_path, a_hold(*dates)) == []


def test_it_does_not_end_before_it_starts(tmp_path: Path) -> None:
    found = found_in(tmp_path, a_hold("<StartDate>2024-01-02</StartDate>", "<HoldEndDate>2024-01-01</HoldEndDate>"))

    assert found == [("RULE_DATES_REVERSED", Severity.ERROR)]


END = "<HoldEndDate>2030-01-01</HoldEndDate>"
START = "<StartDate>2024-01-01</StartDate>"


@pytest.mark.parametrize("dates", [(END,), (START, END)])
def test_a_hold_with_a_duration_has_no_other_end(tmp_path: Path, dates: tuple[str, ...]) -> None:
    assert found_in(tmp_path, a_hold(*dates, code="HOLD-P1Y")) == [("RULE_HOLD_END_TWICE", Severity.ERROR)]


@pytest.mark.parametrize(
    ("code", "dates"),
    [
        ("HOLD-P1Y", (START,)),
        ("HOLD-P1Y", ()),
        # Without end of its own, or none that is known.
        ("HOLD-FOR-EVER", (START, END)),
        ("HOLD1", (START, END)),
    ],
)
def test_a_hold_ends_by_its_duration_or_on_its_day(tmp_path: Path, code: str, dates: tuple[str, ...]) -> None:
    assert found_in(tmp_path, a_hold(*dates, code=code)) == []


def test_the_duration_of_a_code_of_another_category_is_not_that_of_the_hold(tmp_path: Path) -> None:
    assert found_in(tmp_path, a_hold(END, code="ACC-P25Y")) == [("RULE_WRONG_CATEGORY", Severity.ERROR)]


def test_both_ends_of_a_hold_are_told_with_their_place(tmp_path: Path) -> None:
    path = a_sip(tmp_path / "sip", ASip((), (AUnit("Un", management=a_hold(END, code="HOLD-P1Y")),), version="2.3"))

    (finding,) = judge(path, an_agreement(), RULES, Limits(), lambda _: Identification("fmt/0"), None).findings

    assert "P1Y" in text(finding, "fr")
    assert "2030-01-01" in text(finding, "fr")
    assert str(finding.place).startswith("manifest.xml:")


def test_the_dates_of_one_rule_are_not_those_of_the_next(tmp_path: Path) -> None:
    two = (
        "<HoldRule><Rule>HOLD1</Rule><HoldEndDate>2024-01-01</HoldEndDate>"
        "<Rule>HOLD2</Rule><StartDate>2024-01-02</StartDate></HoldRule>"
    )

    assert found_in(tmp_path, two) == []


@pytest.mark.parametrize(
    "dates",
    ["<StartDate>9000-01-01</StartDate>", "<StartDate>2024-01-01</StartDate><HoldEndDate>9999-12-31</HoldEndDate>"],
)
def test_nothing_is_meant_for_the_year_9000(tmp_path: Path, dates: str) -> None:
    assert found_in(tmp_path, a_hold(dates)) == [("RULE_DATE_FAR", Severity.ERROR)]


def test_a_rule_of_the_year_8999_is_taken_at_its_word(tmp_path: Path) -> None:
    assert found_in(tmp_path, a_hold("<StartDate>8999-12-31</StartDate>")) == []


@pytest.mark.parametrize(
    "management",
    [
        # Only a hold has an end of its own.
        "<AccessRule><Rule>ACC1</Rule><HoldEndDate>2030-01-01</HoldEndDate></AccessRule>",
        "<AccessRule><Rule>ACC1</Rule><HoldOwner>Mairie</HoldOwner></AccessRule>",
        "<AccessRule><Rule>ACC1</Rule><HoldReason>Litige</HoldReason></AccessRule>",
        "<AccessRule><Rule>ACC1</Rule><HoldReassessingDate>2030-01-01</HoldReassessingDate></AccessRule>",
        "<AccessRule><Rule>ACC1</Rule><PreventRearrangement>true</PreventRearrangement></AccessRule>",
        # A date of no rule.
        "<AccessRule><StartDate>2024-01-01</StartDate></AccessRule>",
        "<AccessRule><StartDate>2024-01-01</StartDate><Rule>ACC1</Rule></AccessRule>",
        # A rule starts on a day, not in a year.
        "<AccessRule><Rule>ACC1</Rule><StartDate>2024</StartDate></AccessRule>",
        "<AccessRule><Rule>ACC1</Rule><StartDate>2023-02-30</StartDate></AccessRule>",
        # What becomes of the unit is said, in the words of the category.
        "<AppraisalRule><Rule>APP1</Rule></AppraisalRule>",
        "<AppraisalRule><Rule>APP1</Rule><FinalAction>Transfer</FinalAction></AppraisalRule>",
        "<StorageRule><FinalAction>Keep</FinalAction></StorageRule>",
        # Who classified it, and how.
        "<ClassificationRule><Rule>CLA1</Rule></ClassificationRule>",
        "<ClassificationRule><Rule>CLA1</Rule><ClassificationLevel>S</ClassificationLevel></ClassificationRule>",
    ],
)
def test_what_the_grammar_says_of_rules_is_kept(tmp_path: Path, management: str) -> None:
    assert ("MANIFEST_SCHEMA", Severity.ERROR) in found_in(tmp_path, management)


def test_a_classification_that_is_whole_is_taken(tmp_path: Path) -> None:
    whole = (
        "<ClassificationRule><Rule>CLA1</Rule><ClassificationLevel>S</ClassificationLevel>"
        "<ClassificationOwner>Préfecture</ClassificationOwner></ClassificationRule>"
    )

    assert found_in(tmp_path, whole) == []
