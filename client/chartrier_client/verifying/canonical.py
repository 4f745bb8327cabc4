"""JSON in canonical form (RFC 8785), as far as proofs have it: no fractions."""

import json
import re
from typing import Any, Final, NoReturn

from chartrier_client.verifying.checks import Malformed

LARGEST_INTEGER: Final = 2**53 - 1
_BEYOND: Final = 0xF0
"""The first byte, in UTF-8, of a letter from U+10000 on."""
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")
_SHA512: Final = re.compile(r"[0-9a-f]{128}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def read_canonical(content: bytes) -> dict[str, Any]:
    """Return the object that canonical JSON says.

    Raises `Malformed` (`not_json`, `not_canonical`) for other bytes: no byte could be changed without a trace.
    """
    value = read_object(content)
    try:
        # Below U+10000 names have one order, by letters or by UTF-16: the quick way does for almost all.
        quick = max(content) < _BEYOND and _written(value, sort=True) == content
        same = quick or canonical(value) == content
    except (UnicodeError, RecursionError, ValueError) as error:
        raise Malformed("not_canonical") from error
    if not same:
        raise Malformed("not_canonical")
    return value


def read_object(content: bytes) -> dict[str, Any]:
    """Return a JSON object; raises `Malformed` for anything else, fractions included."""
    try:
        value = json.loads(content.decode("utf-8"), parse_int=_integer, parse_float=_refuse, parse_constant=_refuse)
    except (UnicodeError, RecursionError, ValueError) as error:
        raise Malformed("not_json") from error
    if not isinstance(value, dict):
        raise Malformed("not_json")
    return value


def canonical(value: object) -> bytes:
    """Return a value in canonical form."""
    return _written(_ordered(value), sort=False)


def _written(value: object, *, sort: bool) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=sort).encode("utf-8")


def _ordered(value: object) -> object:
    if isinstance(value, dict):
        # Names are ordered by their UTF-16 code units (RFC 8785, section 3.2.3).
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return {name: _ordered(value[name]) for name in names}
    if isinstance(value, list):
        return [_ordered(each) for each in value]
    return value


def _integer(text: str) -> int:
    """Read an integer that all readers of JSON agree on."""
    value = int(text)
    if abs(value) > LARGEST_INTEGER:
        raise ValueError(text)
    return value


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


def is_sha512(value: object) -> bool:
    """Say whether a value is a SHA-512 in lower-case hexadecimal."""
    return isinstance(value, str) and bool(_SHA512.fullmatch(value))


def is_time(value: object) -> bool:
    """Say whether a value is a time as proofs write it."""
    return isinstance(value, str) and bool(_TIME.fullmatch(value))


def is_uuid(value: object) -> bool:
    """Say whether a value is a UUID in lower case."""
    return isinstance(value, str) and bool(_UUID.fullmatch(value))


def is_number(value: object) -> bool:
    """Say whether a value is an integer from 1 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def is_count(value: object) -> bool:
    """Say whether a value is an integer from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
