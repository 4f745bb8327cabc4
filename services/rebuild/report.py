"""What a rebuild has to say: how much came back, what is wrong, how far it is."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_FINDINGS = 1_000
"""Findings that are named; the rest is counted."""

EVERY_SECONDS = 5.0
"""How often a person hears how far it is."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something on the site, or in the database, that is not as it must be: `place` is a key, a journal, an id."""

    code: str
    place: str
    said: str


def to_stderr(text: str) -> None:
    """Tell whoever watches."""
    print(text, file=sys.stderr, flush=True)


@dataclass(slots=True)
class Report:
    """Gathers what was found; `counts` are what came back, by name."""

    say: Callable[[str], None] = to_stderr
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    heads: dict[str, dict[str, int | str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    _said_at: float = 0.0

    def fault(self, code: str, place: str, said: str) -> None:
        """Note what is not as it must be."""
        self.faults[code] += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(code, place, said))
        self.say(f"NOT AS IT MUST BE  {code}  {place}: {said}")

    def came(self, name: str, number: int = 1) -> None:
        """Count what came back, and now and then say how far it is."""
        self.counts[name] += number
        now = time.monotonic()
        if now - self._said_at >= EVERY_SECONDS:
            self._said_at = now
            self.say(", ".join(f"{count} {what}" for what, count in sorted(self.counts.items())))
