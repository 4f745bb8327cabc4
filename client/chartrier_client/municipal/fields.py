"""The fields that municipal software writes in more than one way: names of columns, days, SIRET numbers."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date

from chartrier_client.language import Text

# A SIRET ends with Luhn's key; the offices of La Poste have a sum of digits that is a multiple of five (INSEE).
LA_POSTE = "356000000"
_FRENCH_DAY = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T.*)?")


def column_of(heading: str) -> str:
    """Return a column's name as we know it, however it is written: «Date de naissance» is `date_de_naissance`."""
    plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def columns_of(row: Mapping[str, str | None]) -> dict[str, str]:
    """Return a row under the names of columns that we know; what is absent or blank is empty."""
    return {column_of(heading): (value or "").strip() for heading, value in row.items()}


def missing_faults(row: Mapping[str, str], names: Iterable[str]) -> list[Text]:
    """Tell which fields have no value."""
    return [Text(f"{name} manque", f"{name} is missing") for name in names if not row.get(name)]


def day_of(text: str) -> date | None:
    """Read a day as `2026-03-26`, with or without a time after it, or `26/03/2026`; None when it is neither."""
    french, iso = _FRENCH_DAY.fullmatch(text.strip()), _ISO_DAY.fullmatch(text.strip())
    try:
        if french:
            return date(int(french[3]), int(french[2]), int(french[1]))
        return date(int(iso[1]), int(iso[2]), int(iso[3])) if iso else None
    except ValueError:
        return None


def day_fault(name: str, text: str) -> Text | None:
    """Tell what is wrong with a day."""
    if day_of(text) is not None:
        return None
    if not text:
        return Text(f"{name} manque", f"{name} is missing")
    return Text(
        f"{name} : « {text} » n'est pas une date (2026-03-26 ou 26/03/2026)",
        f"{name}: “{text}” is not a day (2026-03-26 or 26/03/2026)",
    )


def siret_fault(name: str, text: str) -> Text | None:
    """Tell what is wrong with a SIRET: its length, its digits or its key."""
    if not text:
        return Text(f"{name} : le SIRET manque", f"{name}: the SIRET is missing")
    if not re.fullmatch(r"[0-9]{14}", text):
        return Text(
            f"{name} : « {text} » n'est pas un SIRET de 14 chiffres",
            f"{name}: “{text}” is not a SIRET of 14 digits",
        )
    if _luhn(text) or (text.startswith(LA_POSTE) and sum(map(int, text)) % 5 == 0):
        return None
    return Text(f"{name} : la clé du SIRET {text} est fausse", f"{name}: the check digit of SIRET {text} is wrong")


def french_day(day: date) -> str:
    """Write a day for people."""
    return f"{day:%d/%m/%Y}"


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(number if number < 10 else number - 9 for number in doubled) % 10 == 0
