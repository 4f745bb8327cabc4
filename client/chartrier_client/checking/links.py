"""What a manifest names is there, is of the right kind, and is named by somebody."""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Final

from chartrier_client.checking.facts import ManifestFacts, Reference
from chartrier_client.checking.findings import LocalFinding, found

_GROUP: Final = "DataObjectGroupReferenceId"
_OBJECT: Final = "DataObjectReferenceId"
_MASTERS: Final = ("BinaryMaster", "PhysicalMaster")
_USAGES: Final = (*_MASTERS, "Dissemination", "Thumbnail", "TextContent")


def link_findings(facts: ManifestFacts) -> Iterator[LocalFinding]:
    """Check references, then what nothing refers to, then usages."""
    if not facts.units:
        yield found("UNIT_NONE", "manifest.xml")
    for reference in facts.references:
        yield from _reference(facts, reference)
    yield from _cycle(facts)
    yield from _orphans(facts)
    yield from _usages(facts)
    for each in facts.objects.values():
        if not each.binary and each.physical_id == "":
            yield found("OBJECT_PHYSICAL_ID_EMPTY", each.place)


def _cycle(facts: ManifestFacts) -> Iterator[LocalFinding]:
    """Find a loop, if there is any: the first one met."""
    try:
        TopologicalSorter(facts.children).prepare()
    except CycleError as error:
        # graphlib gives the loop with its first member again at its end.
        loop = list(error.args[1])
        line = facts.identifiers.get(loop[0], 0)
        yield found("REFERENCE_CYCLE", f"manifest.xml:{line} {loop[0]}", path=" → ".join(loop[:12]))


def _reference(facts: ManifestFacts, reference: Reference) -> Iterator[LocalFinding]:
    target, element = reference.target, reference.element
    if target in facts.groups:
        right = element == _GROUP
    elif target in facts.objects:
        right = element == _OBJECT
    elif target in facts.identifiers:
        right = element == "ArchiveUnitRefId"
    else:
        yield found("REFERENCE_UNKNOWN", f"manifest.xml:{reference.line}", element=element, target=target[:80])
        return
    held = facts.objects.get(target)
    if right and element == _OBJECT and held and held.group in facts.groups:
        place = f"manifest.xml:{reference.line}"
        yield found("REFERENCE_INTO_GROUP", place, target=target[:80], group=held.group)
    if not right:
        yield found("REFERENCE_WRONG_KIND", f"manifest.xml:{reference.line}", element=element, target=target[:80])


def _orphans(facts: ManifestFacts) -> Iterator[LocalFinding]:
    named = {reference.target for reference in facts.references if not reference.of_object}
    held = {each.group for each in facts.objects.values() if each.id in named}
    for group, line in facts.groups.items():
        if group not in named and group not in held:
            yield found("REFERENCE_ORPHAN_GROUP", f"manifest.xml:{line} {group}")
    for each in facts.objects.values():
        if each.group not in facts.groups and each.id not in named:
            yield found("REFERENCE_ORPHAN_OBJECT", each.place)


def _usages(facts: ManifestFacts) -> Iterator[LocalFinding]:
    mastered: set[str] = set()
    for each in facts.objects.values():
        usage, _, number = (each.usage or "BinaryMaster").partition("_")
        if usage not in _USAGES or (number and not number.isdecimal()):
            yield found("OBJECT_USAGE", each.place, usage=(each.usage or "")[:80])
        if usage in _MASTERS and each.group:
            mastered.add(each.group)
    for group in {each.group: None for each in facts.objects.values() if each.group in facts.groups}:
        if group and group not in mastered:
            yield found("OBJECT_MASTER_MISSING", f"manifest.xml:{facts.groups[group]} {group}")
