"""Rules: their dates one against the other, and the parts that SEDA's grammar asks for."""

from pathlib import Path

import pytest

from services.ingest.domain.findings import Severity
from services.ingest.domain.instruments import Identification
from services.ingest.domain.limits import Limits
from services.ingest.pipeline.judge import judge
from tests.builders.sips import ASip, AUnit, a_sip, an_agreement

RULES = {
    "HOLD1": "HoldRule",
    "HOLD2": "HoldRule",
    "ACC1": "AccessRule",
    "APP1": "AppraisalRule",
    "CLA1": "ClassificationRule",
}


def found_in(folder: Path, management: str, version: str = "2.2") -> list[tuple[str, Severity]]:
    unit = AUnit("Un", management=management)
    path = a_sip(folder / "sip", ASip((), (unit,), version=version))
    found = judge(path, an_agreement(), RULES, Limits(), lambda _: Identification("fmt/0"), None).findings
    return sorted({(each.code, each.severity) for each in found})


def a_hold(*dates: str) -> str:
    return f"<HoldRule><Rule>HOLD1</Rule>{''.join(dates)}</HoldRule>"


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
