"""Numbers and moments in French words, as acts write them: a digit is altered more easily than a word."""

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = (
    *("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze"),
    *("treize", "quatorze", "quinze", "seize", "dix-sept", "dix-huit", "dix-neuf"),
)
_TENS: Final = {2: "vingt", 3: "trente", 4: "quarante", 5: "cinquante", 6: "soixante", 8: "quatre-vingt"}
_MONTHS: Final = (
    *("janvier", "février", "mars", "avril", "mai", "juin", "juillet"),
    *("août", "septembre", "octobre", "novembre", "décembre"),
)


def in_words(number: int) -> str:
    """Return a number from 0 to 99 in words."""
    if number < len(_UNITS):
        return _UNITS[number]
    tens, units = divmod(number, 10)
    if tens in {7, 9}:
        tens, units = tens - 1, units + 10
    if units == 0:
        return "quatre-vingts" if tens == 8 else _TENS[tens]
    joint = " et " if units in {1, 11} and tens != 8 else "-"
    return f"{_TENS[tens]}{joint}{_UNITS[units]}"


def year_in_words(year: int) -> str:
    """Return a year of our century in words; another in digits."""
    if not 2000 <= year < 2100:
        return str(year)
    return "deux mille" if year == 2000 else f"deux mille {in_words(year - 2000)}"


def moment_in_words(at: datetime) -> str:
    """Return a moment, in UTC: ``vingt-sept novembre deux mille vingt-six, à trois heures douze minutes…``."""
    at = at.astimezone(UTC)
    day = "premier" if at.day == 1 else in_words(at.day)
    hour, minute, second = (
        f"{_feminine(count)} {name}{'s' if count > 1 else ''}"
        for count, name in ((at.hour, "heure"), (at.minute, "minute"), (at.second, "seconde"))
    )
    return f"{day} {_MONTHS[at.month - 1]} {year_in_words(at.year)}, à {hour} {minute} {second}"


def _feminine(number: int) -> str:
    words = in_words(number)
    return f"{words}e" if number % 10 == 1 and number not in {11, 71, 91} else words


def bytes_in_digits(size: int) -> str:
    """Return a number of bytes in groups of three digits."""
    return f"{size:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
