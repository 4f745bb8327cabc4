"""A third site of a stack, in a folder: it comes, and goes again, so that whoever comes next finds two."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from services.local import files
from trials.dying import command, started_anew, told
from trials.evidence import agree
from trials.harm import SITES
from trials.levers import Levers, until

PATIENCE = 180.0
"""Seconds in which it is filled, or retired: a walk that found something missing rests for 60."""


@dataclass(frozen=True)
class ThirdSite:
    """One of them; `folder` is where all of a trial's lie, each in one of its own name."""

    levers: Levers
    folder: Path
    name: str

    @classmethod
    def new(cls, levers: Levers, folder: Path) -> "ThirdSite":
        """Make a folder for one that nobody was told of yet."""
        name = f"third-{uuid4().hex[:8]}"
        files.private_folder(folder / name)
        return cls(levers, folder, name)

    @property
    def path(self) -> Path:
        """Where its objects lie."""
        return self.folder / self.name

    @property
    def also(self) -> Mapping[str, str]:
        """What storage is told besides, to have it."""
        place = "un autre disque de cette machine"
        third = {"name": self.name, "kind": "filesystem", "place": place, "path": str(self.path)}
        usual = json.loads(self.levers.room("storage").environment["CHARTRIER_SITES"])
        return {"CHARTRIER_SITES": json.dumps([*usual, third])}

    def until_state(self, *states: str) -> None:
        """Wait until it is in one of these states."""
        query = "SELECT 1 FROM site WHERE name = $1 AND state = ANY($2::text[])"
        until(lambda: self.levers.ask(query, self.name, list(states), room="storage"), patience=PATIENCE)

    def retire(self) -> None:
        """Have the operator's command retire it; storage's workers do it."""
        status = command(told(self.levers.room("storage"), self.also), "sites", "retire", self.name)
        agree("status of `sites retire`", status, 0)

    def forget(self) -> None:
        """Wait until it is retired, and start storage without it."""
        self.until_state("retired")
        started_anew(self.levers, "storage")


def retire_left(levers: Levers, folder: Path) -> None:
    """Retire the third site that a trial which was killed has left."""
    for name in _left(levers, SITES):
        third = ThirdSite(levers, folder, name)
        started_anew(levers, "storage", third.also)
        third.until_state("active", "retiring")
        third.retire()
        third.forget()


def _left(levers: Levers, but: Collection[str]) -> list[str]:
    query = "SELECT name FROM site WHERE state <> 'retired' AND name <> ALL($1::text[])"
    return [str(row["name"]) for row in levers.ask(query, list(but), room="storage")]
