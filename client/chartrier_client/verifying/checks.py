"""What was checked, of what, with which outcome, and why: the verdict is a list of these."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

# A proof that is wrong everywhere is told of as well by its first faults.
MOST_OF_A_KIND: Final = 50
_UNSHOWN: Final = {*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0xD800, 0xE000)}
_LONGEST: Final = 200


class Outcome(StrEnum):
    """How a check ended; `could_not` says that nothing proves the thing wrong, and nothing proves it."""

    OK = "ok"
    FAILED = "failed"
    COULD_NOT = "could_not"


class Verdict(StrEnum):
    """What all checks come to."""

    VALID = "valid"
    INVALID = "invalid"
    INDETERMINATE = "indeterminate"


class Malformed(Exception):
    """What was read is not in the form that it should have; `reason` and `facts` are those of a check."""

    def __init__(self, reason: str, **facts: object) -> None:
        super().__init__(reason)
        self.reason = reason
        self.facts = facts


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `what` and `reason` are stable codes, `target` names the thing, `value` is what was found of it."""

    what: str
    target: str
    value: str
    outcome: Outcome
    reason: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to know that decides nothing."""

    code: str
    target: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class Report:
    """All checks so far. Beyond the first ones of a kind and outcome they are counted in `omitted`, never lost."""

    checks: list[Check] = field(default_factory=list)
    omitted: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    remarks: list[Remark] = field(default_factory=list)
    probative: bool = True
    _counted: Counter[tuple[str, Outcome]] = field(default_factory=Counter)

    def add(self, check: Check) -> None:
        """Take one more."""
        kind = (check.what, check.outcome)
        self._counted[kind] += 1
        if self._counted[kind] > MOST_OF_A_KIND:
            self.omitted[kind] += 1
        else:
            self.checks.append(check)

    def count(self, outcome: Outcome) -> int:
        """Return how many checks ended so, those that are only counted too."""
        return sum(count for (_, each), count in self._counted.items() if each is outcome)

    @property
    def verdict(self) -> Verdict:
        """Return what all checks come to; where nothing was checked nothing is valid."""
        if self.count(Outcome.FAILED):
            return Verdict.INVALID
        if self.count(Outcome.COULD_NOT) or not self.count(Outcome.OK):
            return Verdict.INDETERMINATE
        return Verdict.VALID

    def about(self, target: str) -> "Subject":
        """Return where to say what is found of one thing."""
        return Subject(self, printable(target))

    def unproven(self) -> Iterator[Check]:
        """Give the checks that did not end well."""
        return (check for check in self.checks if check.outcome is not Outcome.OK)


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that is being checked."""

    report: Report
    target: str

    def ok(self, what: str, value: object = "") -> None:
        """Say that a check went well, and what was found."""
        self.report.add(Check(what, self.target, printable(str(value)), Outcome.OK))

    def failed(self, what: str, reason: str, value: object = "", **facts: object) -> None:
        """Say that something is wrong, and why."""
        shown = {name: printable(str(fact)) for name, fact in facts.items()}
        self.report.add(Check(what, self.target, printable(str(value)), Outcome.FAILED, reason, shown))

    def could_not(self, what: str, reason: str, value: object = "", **facts: object) -> None:
        """Say that something could not be checked, and why."""
        shown = {name: printable(str(fact)) for name, fact in facts.items()}
        self.report.add(Check(what, self.target, printable(str(value)), Outcome.COULD_NOT, reason, shown))

    def remark(self, code: str, **facts: object) -> None:
        """Say something that decides nothing, once."""
        shown = {name: printable(str(fact)) for name, fact in facts.items()}
        remark = Remark(code, self.target, shown)
        if remark not in self.report.remarks[-MOST_OF_A_KIND:]:
            self.report.remarks.append(remark)

    def malformed(self, what: str, fault: Malformed) -> None:
        """Say that the thing is not in its form."""
        self.failed(what, fault.reason, **fault.facts)

    def without_probative_value(self) -> None:
        """Say that development keys had a part in this."""
        self.report.probative = False
        self.remark("not_probative")

    def same(self, what: str, found: object, expected: object) -> bool:
        """Compare two values and say so; returns whether they are the same."""
        if found == expected:
            self.ok(what, found)
            return True
        self.failed(what, "differs", found, expected=expected)
        return False


def printable(text: str) -> str:
    """Return what may be shown on a terminal: nothing that moves the cursor, and not too long."""
    shown = "".join("\ufffd" if ord(letter) in _UNSHOWN else letter for letter in text[: _LONGEST + 1])
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
