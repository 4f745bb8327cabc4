"""The register of algorithms: until when each proves something (GOV-12). Data, for an operator to edit."""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

DEFAULTS: Final = Path(__file__).with_name("algorithms.toml")

BROKEN: Final = frozenset({"md5", "sha1"})
"""What proves nothing whatever a file says: collisions are made at will."""

ALWAYS: Final = datetime.max.replace(tzinfo=UTC)
AT_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Algorithms:
    """Name of a digest → its end; kind of key → (bits from which on, end), ascending; what trees are renewed with."""

    digests: Mapping[str, datetime]
    keys: Mapping[str, Sequence[tuple[int, datetime]]]
    renew_with: str

    def digest_ends(self, name: str) -> datetime:
        """Return when a digest ceases to prove; `AT_NO_TIME` for one that is not in the register."""
        return self.digests.get(name, AT_NO_TIME)

    def key_ends(self, kind: str, bits: int) -> datetime:
        """Return when signatures of a key cease to prove; `AT_NO_TIME` for one that is not in the register."""
        return next((end for least, end in reversed(self.keys.get(kind, ())) if bits >= least), AT_NO_TIME)


def read_algorithms(path: Path = DEFAULTS) -> Algorithms:
    """Read a register. Raises OSError, and ValueError that says what is wrong with it."""
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"no TOML: {error}") from error
    if told.keys() != {"renew_with", "digests", "keys"}:
        raise ValueError("renew_with, [digests] and [keys] are expected, and nothing else")
    digests = {name: _end(name, until) for name, until in _table(told, "digests").items()}
    for name in BROKEN & digests.keys():
        if digests[name] != AT_NO_TIME:
            raise ValueError(f'{name} proves nothing: "never"')
    keys = {kind: _steps(kind, _table(_table(told, "keys"), kind)) for kind in told["keys"]}
    return Algorithms(digests, keys, _tree(told["renew_with"], digests))


def _tree(name: object, digests: Mapping[str, datetime]) -> str:
    if not isinstance(name, str) or digests.get(name, AT_NO_TIME) == AT_NO_TIME:
        raise ValueError("renew_with is a digest of the register that proves something")
    if name not in hashlib.algorithms_guaranteed or name.startswith("shake"):
        raise ValueError(f"{name} is no digest that this program has: no tree is made with it")
    return name


def _table(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table: object = told[name]
    if not isinstance(table, dict):
        raise ValueError(f"{name} is a table")  # noqa: TRY004 (as settings have it)
    return table


def _steps(kind: str, rows: Mapping[str, Any]) -> Sequence[tuple[int, datetime]]:
    return sorted((int(bits), _end(f"{kind} of {bits} bits", until)) for bits, until in rows.items())


def _end(what: str, until: object) -> datetime:
    if isinstance(until, date) and not isinstance(until, datetime):
        return datetime(until.year, until.month, until.day, tzinfo=UTC)
    if until == "none":
        return ALWAYS
    if until == "never":
        return AT_NO_TIME
    raise ValueError(f'{what}: a day (2031-01-01), "none" or "never" is expected')
