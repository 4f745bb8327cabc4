"""A date as vague as a year covers all its days."""

from datetime import date

import pytest

from services.data_management.domain.dates import first_day, last_day, period


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2020", date(2020, 1, 1), date(2020, 12, 31)),
        ("2020-02", date(2020, 2, 1), date(2020, 2, 29)),
        ("2021-02Z", date(2021, 2, 1), date(2021, 2, 28)),
        ("2020-02-03", date(2020, 2, 3), date(2020, 2, 3)),
        ("2020-02-03+02:00", date(2020, 2, 3), date(2020, 2, 3)),
        ("2020-02-03T10:11:12.5Z", date(2020, 2, 3), date(2020, 2, 3)),
        (" 1789 ", date(1789, 1, 1), date(1789, 12, 31)),
    ],
)
def test_a_date_covers_days(text: str, first: date, last: date) -> None:
    assert (first_day(text), last_day(text)) == (first, last)


@pytest.mark.parametrize("text", [None, "", "s.d.", "0000", "-0044", "12020", "2020-13", "2021-02-29", "٢٠٢٠"])
def test_what_is_no_date_of_ours_covers_none(text: str | None) -> None:
    assert (first_day(text), last_day(text)) == (None, None)


def test_one_date_alone_stands_for_both_ends() -> None:
    assert period("2020", None) == (date(2020, 1, 1), date(2020, 12, 31))
    assert period(None, "2020-05-01") == (date(2020, 5, 1), date(2020, 5, 1))
    assert period(None, None) == (None, None)
