"""Units while they are read, and what becomes of them: those that only refer to others give way to these."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from services.ingest.domain.sip import RuleCategory, Unit

_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(slots=True)
class OpenUnit:
    """An ArchiveUnit whose end was not seen yet."""

    id: str
    line: int
    alias_of: str | None = None
    profile: str | None = None
    content: dict[str, object] | None = None
    is_restricted: bool = False
    rules: tuple[RuleCategory, ...] = ()
    children: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)

    def ended(self) -> Unit:
        """Return the unit now that all of it was read."""
        content = self.content or {}
        return Unit(
            id=self.id,
            line=self.line,
            level=_first_text(content.get("DescriptionLevel")),
            title=_first_text(content.get("Title")),
            description=_first_text(content.get("Description")),
            start_date=_first_text(content.get("StartDate")),
            end_date=_first_text(content.get("EndDate")),
            children=tuple(self.children),
            object_refs=tuple(self.objects),
            rules=self.rules,
            content=_JSON.encode(content),
            profile=self.profile,
            system_id=_first_text(content.get("SystemId")),
        )


def resolved(units: Iterable[Unit], aliases: Mapping[str, str]) -> Iterator[Unit]:
    """Yield the units, each of their children being a unit itself and not another name of it.

    `aliases` are the ArchiveUnits that only refer to another (identifier → identifier), chains and loops of them
    included; of a loop its names are left.
    """
    ends: dict[str, str] = {}
    for unit in units:
        if aliases.keys().isdisjoint(unit.children):
            yield unit
        else:
            yield replace(unit, children=tuple(_end(child, aliases, ends) for child in unit.children))


def _end(identifier: str, aliases: Mapping[str, str], ends: dict[str, str]) -> str:
    """Follow a chain to its end, and note it in `ends` for all who stand in the chain: each is walked once."""
    walked: dict[str, None] = {}
    while identifier in aliases and identifier not in walked and identifier not in ends:
        walked[identifier] = None
        identifier = aliases[identifier]
    end = ends.get(identifier, identifier)
    ends.update(dict.fromkeys(walked, end))
    return end


def _first_text(value: object) -> str | None:
    """Return the first text that is not empty among the occurrences of an element, ``""`` if all are."""
    if value is None or isinstance(value, str):
        return value
    occurrences = value if isinstance(value, list) else [value]
    texts = [str(each.get("#text", "") if isinstance(each, dict) else each) for each in occurrences]
    return next((text for text in texts if text), texts[0] if texts else None)
