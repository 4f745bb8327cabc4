"""Files of the package and binary data objects correspond one to one."""

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.sip import DataObject, ObjectKind
from services.ingest.pipeline.container.names import printable
from services.ingest.pipeline.sip import Sip


def check_files(sip: Sip) -> list[Finding]:
    """Report objects without a file, files without an object, and files that two objects claim."""
    claimed: dict[str, str] = {}
    findings = []
    for each in sip.manifest.objects:
        if each.kind is ObjectKind.BINARY:
            findings += _faults(sip, each, claimed)
    findings += [found("OBJECT_FILE_UNCLAIMED", printable(path)) for path in sip.paths if path not in claimed]
    return findings


def _faults(sip: Sip, each: DataObject, claimed: dict[str, str]) -> list[Finding]:
    place = sip.place(each)
    if each.inline:
        return [found("OBJECT_INLINE", place)]
    if not each.uri:
        return [found("OBJECT_URI_EMPTY", place)]
    path = sip.located.get(each.id)
    if path is None:
        return [found("OBJECT_FILE_MISSING", place, uri=each.uri)]
    if path in claimed:
        return [found("OBJECT_FILE_SHARED", place, uri=each.uri, other=claimed[path])]
    claimed[path] = each.id
    return []
