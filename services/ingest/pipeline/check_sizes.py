"""Declared sizes are those of the files; empty files are told of."""

from collections.abc import Iterator

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.pipeline.sip import Sip


def check_sizes(sip: Sip) -> Iterator[Finding]:
    """Report wrong sizes and empty files: warnings, since the digest tells whether the file is the right one."""
    for each in sip.manifest.objects:
        file = sip.file_of(each)
        if file is None:
            continue
        if each.size is not None and each.size != file.size:
            yield found("OBJECT_SIZE_MISMATCH", sip.place(each), declared=str(each.size), measured=str(file.size))
        if not file.size:
            yield found("OBJECT_EMPTY", file.path)
