"""Dates in a cell, as SEDA, people and spreadsheets write them: a year, a month, a day, or a moment of it."""

import re
from datetime import date, datetime, timedelta
from typing import Final

from chartrier_client.language import Text
from chartrier_client.metadata.cells import CellError

_ISO = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_FRENCH = re.compile(r"(?:(?:([0-9]{1,2})/)?([0-9]{1,2})/)?([0-9]{4})")
# XML Schema 1.0 part 2, 3.2.7, where seconds are required: spreadsheets leave them out, and write a blank for the T.
_MOMENT = re.compile(
    r"(?P<day>.*?)[T ](?P<minute>(?:[01][0-9]|2[0-3]):[0-5][0-9])(?P<second>:[0-5][0-9](?:\.[0-9]{1,9})?)?"
    r"(?P<zone>Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?"
)
_DAY: Final = len("2026-01-31")


def when(cell: str) -> str:
    """Read a date known to the moment, the day, the month or the year; returns it as SEDA writes it."""
    moment = _MOMENT.fullmatch(cell)
    read = _date(moment["day"] if moment else cell)
    if read is None or (moment and len(read) != _DAY):
        raise CellError(
            "VALUE_DATE",
            Text(
                f"«{cell}» n'est pas une date : AAAA-MM-JJ, AAAA-MM, AAAA ou JJ/MM/AAAA, ou un jour et son heure",
                f"«{cell}» is no date: YYYY-MM-DD, YYYY-MM, YYYY or DD/MM/YYYY, or a day and its time",
            ),
        )
    return f"{read}T{moment['minute']}{moment['second'] or ':00'}{moment['zone'] or ''}" if moment else read


def day(cell: str) -> date:
    """Read a date known to the day, as rules want it; of a moment, its day as it is written."""
    read = when(cell)
    if len(read) < _DAY:
        raise CellError(
            "VALUE_DAY",
            Text(
                f"«{cell}» : une règle part d'un jour précis (AAAA-MM-JJ ou JJ/MM/AAAA)",
                f"«{cell}»: a rule starts on a precise day (YYYY-MM-DD or DD/MM/YYYY)",
            ),
        )
    return date.fromisoformat(read[:_DAY])


def is_before(one: str, other: str) -> bool:
    """Whether a date that `when` returned is before another, whatever is not known of them."""
    if len(one) > _DAY < len(other):
        this, that = datetime.fromisoformat(one), datetime.fromisoformat(other)
        if (this.tzinfo is None) == (that.tzinfo is None):
            return this < that
        # Who does not say a zone may be anywhere.
        return this.date() + timedelta(days=1) < that.date()
    # A date known to the year alone is compared to the year.
    shared = min(len(one), len(other))
    return one[:shared] < other[:shared]


def _date(text: str) -> str | None:
    iso, french = _ISO.fullmatch(text), _FRENCH.fullmatch(text)
    parts = iso.groups() if iso else french.groups()[::-1] if french else ()
    known = [int(part) for part in parts if part]
    try:
        date(*[*known, 1, 1][:3])
    except (TypeError, ValueError):
        return None
    return f"{known[0]:04}" + "".join(f"-{part:02}" for part in known[1:])
