"""What stands in a body is taken for what it is: a truth value is no number, a number or a word is no truth value."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.admin.schemas import AgreementChange, SecretRotation


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        (SecretRotation, "overlap_seconds", False),
        (SecretRotation, "overlap_seconds", "3600"),
        (AgreementChange, "max_bytes", True),
        (AgreementChange, "max_units", "5"),
        (AgreementChange, "unidentified", 0),
        (AgreementChange, "unidentified", "no"),
    ],
)
def test_a_value_of_another_type_is_refused(body: type[BaseModel], field: str, value: Any) -> None:  # noqa: ANN401 (JSON)
    with pytest.raises(ValidationError, match=field):
        body.model_validate({field: value})


def test_values_of_their_type_are_taken() -> None:
    change = AgreementChange.model_validate({"max_bytes": 1, "max_units": None, "unidentified": False})

    assert (change.max_bytes, change.max_units, change.unidentified) == (1, None, False)
    assert SecretRotation.model_validate({"overlap_seconds": 0}).overlap_seconds == 0
