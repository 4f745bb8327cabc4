"""What a partial purge takes out of an AIP: read from its catalogue, line by line."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.storage.pipeline.rewriting.layout import DATA, Listed


class ImpossiblePurge(Exception):
    """These units cannot go and leave an archive: the order must be changed."""


_COUNTED = ("units", "objects", "purged_units", "purged_objects")


@dataclass(slots=True)
class Scope:
    """What goes and what stays, by all the names it has.

    `units` and `objects` go, by their identifiers; `objects_of_files` are the objects among them that have a file.
    `marks` maps each XML identifier that goes (of a unit, an object, or a group whose objects all go) to the one that
    its place keeps. `kept_names` are the XML identifiers and paths that may still be told of. `gone_paths` and
    `kept_paths` are members of the AIP. `counts` is what is left, and what went in all.
    """

    units: frozenset[str]
    objects: set[str] = field(default_factory=set)
    marks: dict[str, str] = field(default_factory=dict)
    kept_names: set[str] = field(default_factory=set)
    gone_paths: set[str] = field(default_factory=set)
    kept_paths: set[str] = field(default_factory=set)
    objects_of_files: set[str] = field(default_factory=set)
    kept_digests: set[str] = field(default_factory=set)
    gone_digests: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))

    def has_gone(self, file: Listed) -> bool:
        """Say whether a file of the representation goes.

        One that belongs to an object goes with it. One that is only a copy of others goes with the last of them.
        """
        if file.name in self.kept_paths:
            return False
        digest = file.sha512.hex()
        return file.name in self.gone_paths or (digest in self.gone_digests and digest not in self.kept_digests)


def mark(identifier: str) -> str:
    """Return the XML identifier (an NCName) of what is left of something."""
    return f"purged-{identifier}"


def read_scope(lines: Iterable[bytes], units: frozenset[UUID]) -> Scope:
    """Read what goes with these units. Raises `ImpossiblePurge` unless the set is closed and wholly in this AIP.

    Closed: whatever is below a unit that goes, by any parent, goes too. What was purged before counts as gone.
    """
    if not units:
        raise ImpossiblePurge("no unit is named")
    scope = Scope(frozenset(map(str, units)))
    seen: set[str] = set()
    held: set[str] = set()  # objects of units that stay
    groups: dict[str, tuple[str, bool]] = {}
    for line in lines:
        entry = json.loads(line)
        if "purged" in entry:
            scope.counts[f"purged_{entry['type']}s"] += 1
        elif entry["type"] == "unit":
            _take_unit(scope, seen, held, entry)
        elif entry["type"] == "object":
            _take_object(scope, held, groups, entry)
    if missing := scope.units - seen:
        raise ImpossiblePurge(f"{len(missing)} units are not in this AIP, or no longer: {min(missing)}")
    if scope.counts["units"] == 0:
        raise ImpossiblePurge("nothing would be left: an AIP goes whole")
    scope.marks.update({name: mark(identifier) for name, (identifier, kept) in groups.items() if not kept})
    return scope


def _take_unit(scope: Scope, seen: set[str], held: set[str], unit: Mapping[str, Any]) -> None:
    if unit["id"] in scope.units:
        seen.add(unit["id"])
        scope.objects.update(unit["objects"])
        scope.marks[unit["xml_id"]] = mark(unit["id"])
        scope.counts["purged_units"] += 1
        return
    if above := scope.units.intersection(unit["parents"]):
        raise ImpossiblePurge(f"unit {unit['id']} stays below {min(above)}, which goes")
    held.update(unit["objects"])
    scope.kept_names.add(unit["xml_id"])
    scope.counts["units"] += 1


def _take_object(scope: Scope, held: set[str], groups: dict[str, tuple[str, bool]], found: Mapping[str, Any]) -> None:
    # Objects come behind all the units: by now it is known who holds this one.
    goes = found["id"] in scope.objects and found["id"] not in held
    if not goes:
        scope.objects.discard(found["id"])
    scope.counts["purged_objects" if goes else "objects"] += 1
    if goes:
        scope.marks[found["xml_id"]] = mark(found["id"])
    else:
        scope.kept_names.update(name for name in (found["xml_id"], found["xml_group"]) if name)
    if found["xml_group"]:
        identifier, kept = groups.get(found["xml_group"], (found["group"], False))
        groups[found["xml_group"]] = identifier, kept or not goes
    if found["path"] is not None:
        (scope.gone_paths if goes else scope.kept_paths).add(found["path"])
        (scope.gone_digests if goes else scope.kept_digests).add(found["sha512"])
        if goes:
            scope.objects_of_files.add(found["id"])
        else:
            scope.kept_names.add(found["path"].removeprefix(DATA))
