"""What a manifest says, as far as the checks ask."""

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass(slots=True)
class ObjectFacts:
    """One data object; `line` is where it begins."""

    id: str
    line: int
    binary: bool
    group: str | None = None
    usage: str | None = None
    uri: str | None = None
    inline: bool = False
    digest: str = ""
    algorithm: str = ""
    size: str | None = None
    physical_id: str | None = None

    @property
    def place(self) -> str:
        """Where a finding about it points."""
        return f"manifest.xml:{self.line} {self.id}"


@dataclass(slots=True)
class RuleFacts:
    """One category of rules of one unit."""

    category: str
    line: int
    codes: list[str] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    final_action: str | None = None
    others: bool = False


@dataclass(slots=True)
class UnitFacts:
    """One unit while it is read; what only refers to another has `refers`."""

    id: str
    line: int
    titles: list[str] = field(default_factory=list)
    level: str | None = None
    dates: dict[str, str] = field(default_factory=dict)
    refers: bool = False
    rules: list[RuleFacts] = field(default_factory=list)

    @property
    def place(self) -> str:
        """Where a finding about it points."""
        return f"manifest.xml:{self.line} {self.id}"


@dataclass(frozen=True, slots=True)
class Reference:
    """One thing named by another; an object names the group it belongs to."""

    element: str
    target: str
    line: int
    of_object: bool


@dataclass(slots=True)
class ManifestFacts:
    """All of it: objects, groups and references by the order they stand in; units are judged while they pass by."""

    version: str = ""
    message_identifier: str = ""
    agencies: dict[str, str] = field(default_factory=dict)
    units: int = 0
    objects: dict[str, ObjectFacts] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    identifiers: dict[str, int] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)
    children: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
