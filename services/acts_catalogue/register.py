"""The entries of the register, and what they say of one line."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Final

from services.acts_catalogue.reading import ANY
from shared.messages.journal import JournalLineV1

ENTRIES: Final = Path(__file__).with_name("entries.toml")

ACTORS: Final[Mapping[str, str]] = {
    "client": "client:",
    "room": "room:",
    "operator": "operator:",
    "anonymous": "anonymous",
    "others": "others",
}
"""Who an actor may be, and how its name begins."""


@dataclass(frozen=True, slots=True)
class Act:
    """One act: see `entries.toml` for its fields. `outcome` is empty where it may be either."""

    action: str
    kinds: tuple[str, ...]
    by: tuple[str, ...]
    when: str
    details: frozenset[str]
    source: str
    shown: str
    outcome: str = ""

    def faults_of(self, line: JournalLineV1) -> list[str]:
        """Return what of a line is not as the register says: its journal, actor, outcome, and names of details."""
        counts = {name for name, value in line.details.items() if ANY in self.details and isinstance(value, int)}
        wrong = {
            f"kind {line.kind}": line.kind not in self.kinds,
            f"actor {line.actor}": not line.actor.startswith(tuple(ACTORS[one] for one in self.by)),
            f"outcome {line.outcome}": self.outcome not in ("", line.outcome),
            f"details {sorted(line.details)}": not line.details.keys() - counts <= self.details,
        }
        return [said for said, is_wrong in wrong.items() if is_wrong]


@cache
def register() -> Mapping[str, Act]:
    """Return every act by its action, patterns among them, in the order of the page."""
    with ENTRIES.open("rb") as file:
        return {action: _act(action, said) for action, said in tomllib.load(file).items()}


def act_of(action: str) -> Act | None:
    """Return the act that a line of this action is of: the one of that name, else the pattern that it fits."""
    acts = register()
    fitting = (act for name, act in acts.items() if ANY in name and fnmatchcase(action, name))
    return acts.get(action) or next(fitting, None)


def _act(action: str, said: Mapping[str, Any]) -> Act:
    words = {name: tuple(str(said[name]).split()) for name in ("kinds", "by", "details")}
    return Act(
        action,
        words["kinds"],
        words["by"],
        str(said["when"]),
        frozenset(words["details"]),
        str(said["source"]),
        str(said["shown"]),
        str(said.get("outcome", "")),
    )
