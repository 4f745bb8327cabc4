"""SEDA dates as bounds: a date, a date and time, a month or a year, of any century."""

import re
from calendar import monthrange

# xsd:date, xsd:dateTime, xsd:gYearMonth and xsd:gYear; the time and its zone do not matter to a day.
_DATE = re.compile(r"(-?[0-9]{4,9})(?:-([0-9]{2})(?:-([0-9]{2})(?:T[0-9:.]{5,30})?)?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?")

Day = tuple[int, int, int]


def date_bounds(text: str) -> tuple[Day, Day] | None:
    """Return the first and the last day that `text` may mean, None when it is no such date."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day = int(match[1]), match[2], match[3]
    first = (year, int(month or 1), int(day or 1))
    last_month = int(month or 12)
    if not 1 <= last_month <= 12 or not 1 <= first[2] <= _days(year, last_month):
        return None
    return first, (year, last_month, int(day or _days(year, last_month)))


def _days(year: int, month: int) -> int:
    # The calendar repeats every 400 years; Python's own stops at the year 9999.
    return monthrange(2000 + year % 400, month)[1]
