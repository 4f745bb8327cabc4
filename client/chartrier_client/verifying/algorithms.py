"""Until when algorithms prove something: a file of data (`algorithms.json`) with what the authorities say."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

_NEVER: Final = "never"
_ALWAYS: Final = datetime.max.replace(tzinfo=UTC)
_AT_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Algorithms:
    """Name of a digest → its end; kind of key → (bits from which on, end), ascending."""

    digests: Mapping[str, datetime]
    keys: Mapping[str, Sequence[tuple[int, datetime]]]

    def knows(self, digest: str) -> bool:
        """Say whether a digest can be judged and computed."""
        return digest in self.digests

    def digest_ends(self, name: str) -> datetime:
        """Return when a digest ceases to prove; at once for those nobody knows."""
        return self.digests.get(name, _AT_NO_TIME)

    def key_ends(self, kind: str, bits: int) -> datetime:
        """Return when signatures of a key cease to prove; at once for kinds nobody knows."""
        return next((end for least, end in reversed(self.keys.get(kind, ())) if bits >= least), _AT_NO_TIME)

    def is_refused(self, end: datetime) -> bool:
        """Say whether an end means that something never proves anything."""
        return end == _AT_NO_TIME


@cache
def known_algorithms() -> Algorithms:
    """Return what this client was given to know."""
    return read_algorithms(files("chartrier_client.verifying").joinpath("algorithms.json").read_text("utf-8"))


def read_algorithms(text: str) -> Algorithms:
    """Read a file of algorithms; raises `ValueError` and `KeyError` for what is none."""
    known: dict[str, Any] = json.loads(text)
    return Algorithms(
        {name: _end(until) for name, until in known["digests"].items()},
        {kind: sorted((row["bits"], _end(row["until"])) for row in rows) for kind, rows in known["keys"].items()},
    )


def _end(until: str | None) -> datetime:
    if until == _NEVER:
        return _AT_NO_TIME
    return _ALWAYS if until is None else datetime.fromisoformat(until).replace(tzinfo=UTC)
