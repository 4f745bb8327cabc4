"""The header names the agreement and the agencies the deposit is made for."""

from collections.abc import Iterator
from typing import Final

from services.ingest.domain.agreement import MatchHeader
from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding, Severity
from services.ingest.pipeline.sip import Sip

MOST_CHARACTERS: Final = 300
"""Of what a message is known by, each: both stand in one entry of an index, of 2,704 bytes at most (PostgreSQL)."""


def check_header(sip: Sip) -> list[Finding]:
    """Report what does not match the agreement: errors when it asks for a match, notes when it only records."""
    strict = sip.agreement.match_header is MatchHeader.STRICT
    severity = Severity.ERROR if strict else Severity.INFO
    place = f"{sip.manifest_name} ArchiveTransfer"
    return [
        *_agreement(sip, place, severity),
        *_originating_agency(sip, place, severity),
        *_empty(sip, place, Severity.ERROR if strict else Severity.WARNING),
        *_too_long(sip, place),
    ]


def _agreement(sip: Sip, place: str, severity: Severity) -> Iterator[Finding]:
    named, expected = sip.manifest.header.archival_agreement, sip.agreement.identifier
    if not named:
        yield found("HEADER_AGREEMENT_MISSING", place, severity, expected=expected)
    elif named != expected:
        yield found("HEADER_AGREEMENT_MISMATCH", place, severity, found=named[:200], expected=expected)


def _originating_agency(sip: Sip, place: str, severity: Severity) -> Iterator[Finding]:
    named, expected = sip.manifest.header.originating_agency, sip.agreement.establishment_identifier
    # An agreement that lists originating agencies knows others beside its establishment: see `check_agencies`.
    if named and named != expected and not sip.agreement.originating_agencies:
        yield found("HEADER_AGENCY_MISMATCH", place, severity, found=named[:200], expected=expected)


def _empty(sip: Sip, place: str, severity: Severity) -> Iterator[Finding]:
    header = sip.manifest.header
    named = {
        "MessageIdentifier": header.message_identifier,
        "ArchivalAgency": header.archival_agency,
        "TransferringAgency": header.transferring_agency,
    }
    if header.seda_version != "2.0":  # where the whole transfer has no such element
        named["OriginatingAgencyIdentifier"] = header.originating_agency
    for element, value in named.items():
        if value is None:
            yield found("HEADER_AGENCY_MISSING", place, Severity.INFO, element=element)
        elif not value:
            # Without its identifier, a message can be neither acknowledged nor told from another.
            weight = Severity.ERROR if element == "MessageIdentifier" else severity
            yield found("HEADER_EMPTY", place, weight, element=element)


def _too_long(sip: Sip, place: str) -> Iterator[Finding]:
    header = sip.manifest.header
    known_by = {
        "MessageIdentifier": header.message_identifier,
        "TransferringAgency": header.transferring_agency or "",
    }
    for element, value in known_by.items():
        if len(value) > MOST_CHARACTERS:
            yield found("HEADER_TOO_LONG", place, element=element, found=str(len(value)), limit=str(MOST_CHARACTERS))
