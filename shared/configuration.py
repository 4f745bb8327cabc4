"""Find every fault of a process's settings at once, before anything is opened: named, and never quoted.

Values may be secrets: a fault says where, and what is expected there. Whoever writes a validator keeps to that.
"""

import difflib
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource
from typing_extensions import override

WRONG_SETTINGS = os.EX_CONFIG
"""Exit status (78) of a process whose settings are wrong: to start it again is of no use."""

PREFIX = "CHARTRIER_"

Read = TypeVar("Read", bound=BaseSettings)

ALIKE = 0.85
"""How much like a setting a name must be to be taken for a slip of the pen (difflib's ratio)."""


@dataclass(frozen=True)
class Fault:
    """A wrong setting: the variable, with the place inside where its value is JSON, and what is expected there."""

    place: str
    expected: str

    @override
    def __str__(self) -> str:
        """Return the line that an operator reads."""
        return f"{self.place}: {self.expected}"

    @property
    def is_missing(self) -> bool:
        """Say whether the setting is not there at all."""
        return self.expected == _EXPECTED["missing"]


def require(*classes: type[BaseSettings]) -> None:
    """Return if the environment is right for all of these; otherwise name every fault and exit with 78."""
    if faults := faults_of(classes):
        refuse(*map(str, faults), *slips(classes))


def read(settings: type[Read]) -> Read:
    """Return one class's settings; where they are wrong, name every fault and exit with 78."""
    require(settings)
    return settings()


def refuse(*lines: str) -> NoReturn:
    """Write what is wrong, a line each, and exit with 78."""
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    raise SystemExit(WRONG_SETTINGS)


def faults_of(classes: Iterable[type[BaseSettings]], environment: Mapping[str, str] | None = None) -> list[Fault]:
    """Return all faults of an environment (this process's without one), each once, in the order of the classes."""
    found = [fault for settings in classes for fault in _faults(settings, environment)]
    return list(dict.fromkeys(found))


def slips(classes: Iterable[type[BaseSettings]], environment: Mapping[str, str] | None = None) -> list[str]:
    """Return a line for each variable that looks like a setting of these classes, misspelt."""
    known = {name.upper() for settings in classes for name in settings.model_fields}
    told = {name.upper().removeprefix(PREFIX) for name in _Said.names(environment) if name.upper().startswith(PREFIX)}
    meant = {name: _closest(name, known) for name in sorted(told - known)}
    return [f"{PREFIX}{name}: nothing reads it; was {PREFIX}{alike} meant?" for name, alike in meant.items() if alike]


def _closest(name: str, known: Iterable[str]) -> str | None:
    swapped = [one for one in known if sorted(one) == sorted(name)]
    return next(iter(swapped or difflib.get_close_matches(name, known, 1, ALIKE)), None)


class _Said(EnvSettingsSource):
    """What an environment says, as it is: JSON that cannot be read stays text, for validation to refuse."""

    def __init__(self, settings: type[BaseSettings], environment: Mapping[str, str] | None) -> None:
        super().__init__(settings)
        if environment is not None:
            self.env_vars = {name.lower(): value for name, value in environment.items()}

    @classmethod
    def names(cls, environment: Mapping[str, str] | None) -> Iterable[str]:
        return cls(BaseSettings, environment).env_vars

    @override
    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return json.loads(value)
        except ValueError:
            return value


def _faults(settings: type[BaseSettings], environment: Mapping[str, str] | None) -> list[Fault]:
    values = _Said(settings, environment)()
    try:
        # Past the settings class's own `__init__`, which would read the environment and stop at the first bad JSON.
        BaseModel.__init__(settings.model_construct(), **values)
    except ValidationError as error:
        return [
            Fault(_place(settings, wrong["loc"]), _expected(wrong))
            for wrong in error.errors(include_url=False, include_input=False)
        ]
    return []


def _place(settings: type[BaseSettings], where: tuple[int | str, ...]) -> str:
    if not where:
        return settings.__name__
    name, *inside = where
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in inside if step != "[key]"]
    return f"{PREFIX}{str(name).upper()}{''.join(steps)}"


_EXPECTED = {
    "missing": "required, and not set",
    "extra_forbidden": "there is no such field",
    "int_parsing": "a whole number is expected",
    "int_from_float": "a whole number is expected",
    "float_parsing": "a number is expected",
    "bool_parsing": "true or false is expected",
    "dict_type": "a JSON object is expected",
    "list_type": "a JSON list is expected",
    "tuple_type": "a JSON list is expected",
    "set_type": "a JSON list is expected",
    "frozen_set_type": "a JSON list is expected",
    "model_type": "a JSON object is expected",
    "string_type": "a text is expected",
}
"""What is expected, by kind of fault, where the validator's own words are not an operator's."""


def _expected(wrong: ErrorDetails) -> str:
    if wrong["type"] in ("too_short", "string_too_short"):
        # The validator's own words would say how long a secret is.
        return f"at least {wrong['ctx']['min_length']} characters are expected"
    return _EXPECTED.get(wrong["type"]) or wrong["msg"].removeprefix("Value error, ").removeprefix("Input ")


_WHO = re.compile(r"//[^/]*@")


def shown(settings: BaseSettings) -> dict[str, Any]:
    """Return the settings by variable, without secrets and without whatever stands before the @ of an address."""
    values = settings.model_dump(mode="json")
    return {f"{PREFIX}{name.upper()}": _without_secret(value) for name, value in values.items()}


def digest_of(*settings: BaseSettings) -> str:
    """Return the SHA-512 of what is `shown` of settings, as sorted JSON: it changes where they do, secrets apart."""
    values = {name: value for each in settings for name, value in shown(each).items()}
    return hashlib.sha512(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _without_secret(value: object) -> object:
    if isinstance(value, str):
        return _WHO.sub("//…@", value)
    if isinstance(value, list):
        return [_without_secret(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_secret(one) for name, one in value.items() if name != "access_key"}
    return value
