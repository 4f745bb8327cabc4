"""Dates of units: as bounds, one against the other, and against the transfer's own."""

from pathlib import Path

import pytest

from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.instruments import Identification
from services.ingest.domain.limits import Limits
from services.ingest.pipeline.date_bounds import date_bounds, is_without_year, surely_before
from services.ingest.pipeline.judge import judge
from tests.builders.sips import ASip, AUnit, a_sip, an_agreement, codes


def found_in(folder: Path, unit: AUnit, version: str = "2.1") -> list[Finding]:
    path = a_sip(folder / "sip", ASip((), (unit,), version=version))
    return list(judge(path, an_agreement(), {}, Limits(), lambda _: Identification("fmt/0"), None).findings)


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("2024", ((2024, 1, 1), (2024, 12, 31))),
        ("2024-02", ((2024, 2, 1), (2024, 2, 29))),
        ("2024-02-29", ((2024, 2, 29), (2024, 2, 29))),
        ("1900-02", ((1900, 2, 1), (1900, 2, 28))),
        ("2024+02:00", ((2024, 1, 1), (2024, 12, 31))),
        ("2024-02Z", ((2024, 2, 1), (2024, 2, 29))),
        ("2024-02-29-14:00", ((2024, 2, 29), (2024, 2, 29))),
        ("2024-12-31T23:59:59.999+01:00", ((2024, 12, 31), (2024, 12, 31))),
        ("2024-12-31T24:00:00", ((2024, 12, 31), (2025, 1, 1))),
        ("2024-02-28T24:00:00.0Z", ((2024, 2, 28), (2024, 2, 29))),
        ("-0001-12-31T24:00:00", ((-1, 12, 31), (1, 1, 1))),
        ("-0044-03-15", ((-44, 3, 15), (-44, 3, 15))),
        ("123456789", ((123456789, 1, 1), (123456789, 12, 31))),
        (" 2024 ", ((2024, 1, 1), (2024, 12, 31))),
    ],
)
def test_a_date_is_as_long_as_it_is_vague(text: str, bounds: object) -> None:
    assert date_bounds(text) == bounds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0000",
        "-0000-01-01",
        "2023-02-29",
        "2024-13",
        "2024-00",
        "2024-01-00",
        "2024-01-32",
        "2024-01-01T25:00:00",
        "2024-01-01T24:00:01",
        "2024-01-01T10:60:00",
        "2024-01-01+14:01",
        "2024-01-01 10:00:00",
        "24-01-01",
        "01/02/2024",
        "vers 1850",
        "--05",
        "---12",
        "٢٠٢٤",
        "1" * 10_000,
    ],
)
def test_what_is_no_date_has_no_bounds(text: str) -> None:
    assert date_bounds(text) is None
    assert not surely_before(text, "2024")
    assert not surely_before("2024", text)


@pytest.mark.parametrize(("text", "expected"), [("--05", True), ("--05-12Z", True), ("---12", True), ("05", False)])
def test_months_and_days_of_every_year_are_known_for_what_they_are(text: str, *, expected: bool) -> None:
    assert is_without_year(text) is expected


@pytest.mark.parametrize(
    ("one", "other", "before"),
    [
        ("2023", "2024", True),
        ("2023-12-31T24:00:00", "2024-01-01", False),
        ("2023-12-30T24:00:00", "2024-01-01", True),
        # The same moment, in two zones: never out of order.
        ("2023-12-31T23:00:00Z", "2024-01-01T00:00:00+01:00", False),
        ("2024-01-01T12:00:00-12:00", "2024-01-03T02:00:00+14:00", False),
        ("2023-12-31", "2024-01-01Z", False),
        ("2023-12-29", "2024-01-01Z", True),
        ("-0044", "0476", True),
    ],
)
def test_one_date_is_before_another_when_nothing_else_can_be_meant(one: str, other: str, *, before: bool) -> None:
    assert surely_before(one, other) is before


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        ("--05", "2024", "UNIT_DATE_WITHOUT_YEAR"),
        ("--05-12", "2024", "UNIT_DATE_WITHOUT_YEAR"),
        ("---12", "2024", "UNIT_DATE_WITHOUT_YEAR"),
        ("2024", "9999-12-31", "UNIT_DATE_FAR"),
    ],
)
def test_odd_dates_are_told_of_and_kept(tmp_path: Path, start: str, end: str, code: str) -> None:
    (told,) = found_in(tmp_path, AUnit("U", start_date=start, end_date=end))

    assert (told.code, told.severity) == (code, Severity.WARNING)


@pytest.mark.parametrize("version", ["2.1", "2.2", "2.3"])
@pytest.mark.parametrize("date", ["2023-02-30", "2024-13", "vers 1850", "2024-01-01T25:00:00"])
def test_dates_of_no_calendar_are_refused_by_the_grammar_and_explained(
    tmp_path: Path, date: str, version: str
) -> None:
    found = found_in(tmp_path, AUnit("U", start_date=date, end_date=None), version)

    assert set(codes(found)) == {"MANIFEST_SCHEMA", "UNIT_DATE_UNREADABLE"}
    assert next(each for each in found if each.code == "UNIT_DATE_UNREADABLE").params["date"] == date


@pytest.mark.parametrize(
    "date", ["2024", "2024-02", "2024-02-29", "2024-06-30T24:00:00", "2024-06-30T10:00:00.5+02:00", "-0044-03-15"]
)
def test_every_form_that_seda_allows_is_taken(tmp_path: Path, date: str) -> None:
    assert found_in(tmp_path, AUnit("U", start_date=date, end_date=None)) == []


@pytest.mark.parametrize(
    "element", ["CreatedDate", "TransactedDate", "AcquiredDate", "SentDate", "ReceivedDate", "RegisteredDate"]
)
def test_what_is_past_does_not_come_after_the_transfer(tmp_path: Path, element: str) -> None:
    def told(date: str) -> list[Finding]:
        extra = f"<{element}>{date}</{element}>"
        return found_in(tmp_path, AUnit("U", extra=extra, start_date=None, end_date=None))

    (finding,) = told("2024-07-05")

    assert told("2024-07-01") == told("2024") == told("2024-07-02T01:00:00+02:00") == []
    assert (finding.code, finding.severity) == ("UNIT_DATE_IN_FUTURE", Severity.WARNING)
    assert finding.params == {"element": element, "date": "2024-07-05", "transfer": "2024-07-01T10:00:00Z"}


def test_what_a_unit_is_about_may_come_after_the_transfer(tmp_path: Path) -> None:
    assert found_in(tmp_path, AUnit("Plan de mandat", start_date="2025", end_date="2040")) == []


def test_words_that_quote_a_date_are_no_date(tmp_path: Path) -> None:
    title = 'Voir "CreatedDate":"2999-01-01"'

    assert found_in(tmp_path, AUnit(title, start_date=None, end_date=None)) == []
