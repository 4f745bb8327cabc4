"""Dates as depositors write them (year, month, day or instant) turned into the days they cover."""

import re
from calendar import monthrange
from datetime import date

# XML Schema part 2: gYear, gYearMonth, date, dateTime, each with an optional time zone.
_DATE = re.compile(r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)(T[0-9:.]+)?)?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def first_day(text: str | None) -> date | None:
    """Return the first day a date covers; None when it is absent, unreadable, or before year 1."""
    parts = _parts(text)
    if parts is None:
        return None
    year, month, day = parts
    return _day(year, month or 1, day or 1)


def last_day(text: str | None) -> date | None:
    """Return the last day a date covers: 31 December of a bare year."""
    parts = _parts(text)
    if parts is None:
        return None
    year, month, day = parts
    month = month or 12
    if not 1 <= month <= 12:
        return None
    return _day(year, month, day or monthrange(year, month)[1])


def period(start: str | None, end: str | None) -> tuple[date | None, date | None]:
    """Return the first and last day of a description; one date alone stands for both ends."""
    return first_day(start) or first_day(end), last_day(end) or last_day(start)


def _parts(text: str | None) -> tuple[int, int | None, int | None] | None:
    match = _DATE.fullmatch((text or "").strip())
    if match is None or match["year"] == "0000":
        return None
    month, day = match["month"], match["day"]
    return int(match["year"]), int(month) if month else None, int(day) if day else None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
