"""Each object, or its group, is held by a unit: what no unit describes could never be found again."""

from collections.abc import Iterator

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.pipeline.sip import Sip


def check_orphans(sip: Sip) -> Iterator[Finding]:
    """Report groups no unit points at, and objects outside of groups no unit points at."""
    manifest = sip.manifest
    pointed = {target for unit in manifest.units for target in unit.object_refs}
    lines = {each.id: each for each in manifest.objects}
    for group, members in manifest.groups.items():
        if members and group not in pointed and pointed.isdisjoint(members):
            yield found("REFERENCE_ORPHAN_GROUP", sip.place(lines[members[0]]), group=group)
    for each in manifest.objects:
        if each.group not in manifest.groups and each.id not in pointed:
            yield found("REFERENCE_ORPHAN_OBJECT", sip.place(each), object=each.id)
