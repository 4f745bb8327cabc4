"""A statement of probative value: every check that was made of a package, what it found, and the verdict of all.

What was found wrong is `ko`; what could not be looked at, or is not there yet, is `indeterminate`, and never `ok`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

STATEMENT_TYPE = "chartrier-statement+jws"


class Outcome(StrEnum):
    """What a check came to, and what all of them do."""

    OK = "ok"
    KO = "ko"
    UNKNOWN = "indeterminate"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: where the value comes from, of what it is, what it should be; `reason` says why it is not ok."""

    check: str
    source: str
    target: str
    outcome: Outcome
    value: str | None = None
    expected: str | None = None
    reason: str | None = None

    def told(self) -> dict[str, Any]:
        """Return it as it stands in a statement."""
        return {
            "check": self.check,
            "source": self.source,
            "target": self.target,
            "verdict": self.outcome.value,
            "value": self.value,
            "expected": self.expected,
            "reason": self.reason,
        }


def compared(check: str, places: tuple[str, str], value: str | None, expected: str | None) -> Check:
    """Return whether a value is what it should be; `places` are source and target. None: it is not there."""
    if value is None or expected is None:
        return Check(check, *places, Outcome.UNKNOWN, value, expected, "missing")
    if value != expected:
        return Check(check, *places, Outcome.KO, value, expected, "differs")
    return Check(check, *places, Outcome.OK, value, expected)


def unknown(check: str, places: tuple[str, str], reason: str) -> Check:
    """Return a check that could not be made."""
    return Check(check, *places, Outcome.UNKNOWN, reason=reason)


def overall(checks: Iterable[Check]) -> Outcome:
    """Return what all of them come to: one that is `ko` decides, then one that is not known; of none, nothing is."""
    outcomes = {one.outcome for one in checks}
    if Outcome.KO in outcomes:
        return Outcome.KO
    return Outcome.UNKNOWN if Outcome.UNKNOWN in outcomes or not outcomes else Outcome.OK


def of_copies(checks: Sequence[Check]) -> Sequence[Check]:
    """Return those that are of the copies on the sites, read now."""
    return [one for one in checks if one.check in {COPY, COPY_MAP, PACKAGE}]


COPY = "copy.digest"
COPY_MAP = "copy.map"
PACKAGE = "package.files"
GROUP = "package.group"
LEAF = "leaf.sealed"
TOKEN = "seal.token"  # noqa: S105 (the name of a check)
CHAIN = "seal.chain"
LINE = "receipt.line"
RECEIVED = "receipt.package"
ACCEPTANCE = "acceptance"
