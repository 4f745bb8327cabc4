"""Formats: as PRONOM recognises them, against the depositor's word and the agreement's list."""

from collections.abc import Iterator

from services.ingest.domain.agreement import Agreement
from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.sip import DataObject, MeasuredFile
from services.ingest.pipeline.sip import Sip


def check_formats(sip: Sip) -> Iterator[Finding]:
    """Report unrecognised formats and wrong declarations (warnings), formats the agreement excludes (errors)."""
    for each in sip.manifest.objects:
        file = sip.file_of(each)
        if file is not None and file.size:
            yield from _faults(sip, each, file)


def _faults(sip: Sip, each: DataObject, file: MeasuredFile) -> list[Finding]:
    findings = []
    if file.puid is None:
        findings.append(found("FORMAT_UNIDENTIFIED", file.path))
    elif each.format_id and each.format_id != file.puid:
        findings.append(
            found(
                "FORMAT_MISMATCH",
                sip.place(each),
                declared=each.format_id[:80],
                identified=file.puid,
                name=file.format_name or "",
            )
        )
    if not _allowed(sip.agreement, file.puid):
        findings.append(found("FORMAT_NOT_ALLOWED", file.path, identified=file.puid or "?"))
    return findings


def _allowed(agreement: Agreement, puid: str | None) -> bool:
    if puid is None and agreement.unidentified is not None:
        return agreement.unidentified
    return not agreement.formats or puid in agreement.formats
