"""Files of the package and binary data objects correspond one to one."""

from collections.abc import Iterator, Mapping

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.sip import DataObject, ObjectKind
from services.ingest.pipeline.container.names import printable
from services.ingest.pipeline.sip import Sip


def check_files(sip: Sip) -> Iterator[Finding]:
    """Report objects without a file, files without an object (a warning for a copy), and files claimed twice."""
    claimed: dict[str, str] = {}
    for each in sip.manifest.objects:
        if each.kind is ObjectKind.BINARY:
            yield from _faults(sip, each, claimed)
    yield from _unclaimed(sip, claimed)


def _unclaimed(sip: Sip, claimed: Mapping[str, str]) -> Iterator[Finding]:
    """Files that no object names. One of the same name and bytes in another folder takes nothing away."""
    named = {(file.sha512, _name(path)): path for path in claimed if (file := sip.files.get(path)) is not None}
    for path in sip.paths:
        if path in claimed:
            continue
        file = sip.files.get(path)
        original = None if file is None else named.get((file.sha512, _name(path)))
        if original is None:
            yield found("OBJECT_FILE_UNCLAIMED", printable(path))
        else:
            yield found("OBJECT_FILE_COPY", printable(path), original=printable(original))


def _name(path: str) -> str:
    return path.rpartition("/")[2]


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
