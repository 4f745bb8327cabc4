"""What the hashed locks name."""

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
RUNTIME, WITH_TOOLS = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"

_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Locked:
    """One package at one version; `hashes` are those of the files that may be installed."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name in the one spelling that packages are compared by."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """The only version allowed; ValueError where the lock leaves a choice."""
        (only,) = self.requirement.specifier
        if only.operator != "==" or only.version.endswith("*"):
            raise ValueError(f"{self.requirement} is not one version.")
        return only.version

    @property
    def wanted_here(self) -> bool:
        """Whether this system and Python are among those that the entry is for."""
        return self.requirement.marker is None or self.requirement.marker.evaluate()


def read(lock: Path) -> tuple[Locked, ...]:
    """Read a lock; ValueError (`packaging`'s InvalidRequirement) where it is none."""
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    entries = (line.strip() for line in text.splitlines())
    return tuple(_entry(line) for line in entries if line and not line.startswith("#"))


def _entry(line: str) -> Locked:
    said, *_ = line.split(" --hash=", 1)
    return Locked(Requirement(said.strip()), tuple(_HASH.findall(line)))
