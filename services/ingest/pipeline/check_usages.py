"""Usages (DataObjectVersion) are those archives agree on, one object each in a group.

SEDA leaves the list to the agreement; this is the list in use among French archives.
"""

import re
from collections.abc import Iterator

from services.ingest.domain.agreement import Usages
from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.sip import DataObject, ObjectKind
from services.ingest.pipeline.sip import Sip

_BINARY = ("BinaryMaster", "Dissemination", "Thumbnail", "TextContent")
_PHYSICAL = ("PhysicalMaster",)
_USAGE = re.compile(rf"({'|'.join((*_PHYSICAL, *_BINARY))})(?:_([1-9][0-9]*))?")


def check_usages(sip: Sip) -> Iterator[Finding]:
    """Report unknown, misplaced and repeated usages: errors when the agreement is strict, else warnings.

    An object without a usage is its group's master: SEDA does not ask for one.
    """
    severity = Severity.ERROR if sip.agreement.usages is Usages.STRICT else Severity.WARNING
    seen: set[tuple[str, str, str]] = set()
    for each in sip.manifest.objects:
        if each.usage is not None:
            yield from _faults(sip, each, severity, seen)


def _faults(sip: Sip, each: DataObject, severity: Severity, seen: set[tuple[str, str, str]]) -> list[Finding]:
    usage, place = each.usage or "", sip.place(each)
    match = _USAGE.fullmatch(usage)
    if match is None:
        known = ", ".join((*_PHYSICAL, *_BINARY))
        return [found("OBJECT_USAGE", place, severity, usage=usage[:80], known=known)]
    if match[1] not in (_BINARY if each.kind is ObjectKind.BINARY else _PHYSICAL):
        return [found("OBJECT_USAGE_KIND", place, severity, usage=usage)]
    key = (each.group or each.id, match[1], match[2] or "1")
    if key in seen:
        return [found("OBJECT_USAGE_REPEATED", place, severity, usage=usage, group=key[0])]
    seen.add(key)
    return []
