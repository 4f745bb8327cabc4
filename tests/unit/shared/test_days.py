"""A day is written as ISO 8601 has it; a number is none, though Pydantic would find one in it."""

from datetime import date

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.days import Day

DAY: TypeAdapter[date] = TypeAdapter(Day)


@pytest.mark.parametrize(
    "value", ["0", "20261231", 0, 1.5, True, "2026-12-31T00:00:00", "2026-02-30", "٢٠٢٦-12-31", ""]
)
def test_what_is_not_a_day_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        DAY.validate_python(value)


def test_a_day_is_read() -> None:
    assert DAY.validate_python("2026-12-31") == DAY.validate_json('"2026-12-31"') == date(2026, 12, 31)
    assert DAY.json_schema() == {"type": "string", "format": "date"}
