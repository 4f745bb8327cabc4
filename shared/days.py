"""A day as callers write it: ISO 8601, and nothing that could pass for one."""

import re
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written(value: object) -> object:
    # Pydantic would read 0 as the first day of 1970, and 20261231 as one in August of that year.
    if value is None or isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    raise ValueError("A day is written as in 2026-12-31.")


Day = Annotated[date, BeforeValidator(_written)]
"""A field or parameter that takes a day."""
