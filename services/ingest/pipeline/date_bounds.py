"""SEDA dates as bounds: a date, a date and time, a month or a year, of any century.

Norm: XML Schema 1.0 part 2, 3.2.7 to 3.2.14, of which SEDA's DateType is the union.
"""

import re
from calendar import monthrange
from functools import lru_cache
from typing import Final

_ZONE = r"Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00"
# xsd:date, xsd:dateTime, xsd:gYearMonth and xsd:gYear; the time does not matter to a day, but at its very end.
_DATE = re.compile(
    r"(?P<year>-?[0-9]{4,9})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:T(?:(?P<midnight>24:00(?::00(?:\.0{1,20})?)?)|(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,20})?)?))?"
    rf")?)?(?P<zone>{_ZONE})?"
)
# xsd:gMonth, xsd:gMonthDay and xsd:gDay.
_NO_YEAR = re.compile(rf"(?:--[0-9]{{2}}(?:-[0-9]{{2}})?|---[0-9]{{2}})(?:{_ZONE})?")

Day = tuple[int, int, int]
_Meant = tuple[Day, Day, str | None]

_LONGEST: Final = 64
"""Characters of a date: of the longest, with a fraction of twenty digits, 53."""

FAR = 9000
"""Other archives refuse such years: they stand for a typing error, or for “never”, which is said otherwise."""


def date_bounds(text: str) -> tuple[Day, Day] | None:
    """Return the first and the last day that `text` may mean, None when it is no such date.

    A day's 24:00 is also the beginning of the next. There is no year 0 (XML Schema 1.0, 3.2.7).
    """
    meant = _meant(text)
    return meant and meant[:2]


def is_without_year(text: str) -> bool:
    """Say whether `text` is a date of every year: a month, a day, or a day of a month."""
    return _NO_YEAR.fullmatch(text.strip()) is not None


def surely_before(one: str, other: str) -> bool:
    """Say whether all that `one` may mean comes before all that `other` may; never when either is no date.

    Two zones, of which one may be missing, put two days at most between the dates of one moment: 14 hours each way.
    """
    this, that = _meant(one), _meant(other)
    if this is None or that is None:
        return False
    last = this[1] if this[2] == that[2] else _next_day(_next_day(this[1]))
    return last < that[0]


def _meant(text: str) -> _Meant | None:
    text = text.strip()
    return _read(text) if len(text) <= _LONGEST else None


# A deposit has few dates for many units, and each is asked for more than once.
@lru_cache(maxsize=4096)
def _read(text: str) -> _Meant | None:
    match = _DATE.fullmatch(text)
    if match is None or not int(match["year"]):
        return None
    year, month, day = int(match["year"]), match["month"], match["day"]
    first = (year, int(month or 1), int(day or 1))
    last_month = int(month or 12)
    if not 1 <= last_month <= 12 or not 1 <= first[2] <= _days(year, last_month):
        return None
    last = (year, last_month, int(day or _days(year, last_month)))
    return first, _next_day(last) if match["midnight"] else last, match["zone"]


def _next_day(day: Day) -> Day:
    if day[2] < _days(day[0], day[1]):
        return day[0], day[1], day[2] + 1
    if day[1] < 12:
        return day[0], day[1] + 1, 1
    return day[0] + 1 or 1, 1, 1


def _days(year: int, month: int) -> int:
    # The calendar repeats every 400 years; Python's own stops at the year 9999.
    return monthrange(2000 + year % 400, month)[1]
