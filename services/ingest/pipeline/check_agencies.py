"""Agencies are those that the agreement knows, where it names any."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from services.ingest.domain.agreement import Agreement, MatchHeader
from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.sip import Role
from services.ingest.pipeline.sip import Sip

CODES: Final[Mapping[Role, str]] = MappingProxyType(
    {
        Role.ARCHIVAL: "AGENCY_ARCHIVAL_UNKNOWN",
        Role.TRANSFERRING: "AGENCY_TRANSFERRING_UNKNOWN",
        Role.ORIGINATING: "AGENCY_ORIGINATING_UNKNOWN",
        Role.SUBMISSION: "AGENCY_SUBMISSION_UNKNOWN",
    }
)

_SHOWN: Final = 5
"""Of the agencies that are known, as many are told: some agreements list hundreds."""


def check_agencies(sip: Sip) -> Iterator[Finding]:
    """Report agencies that the agreement does not know in their role: errors where it asks for a match.

    For the whole transfer and in units (SEDA 2.x, OriginatingAgency and SubmissionAgency); an agreement that lists
    none in a role says nothing of it.
    """
    strict = sip.agreement.match_header is MatchHeader.STRICT
    known = _known(sip.agreement)
    for named in sip.manifest.agencies:
        listed = known[named.role]
        if listed and named.identifier not in listed:
            yield found(
                CODES[named.role],
                sip.at(named.line, named.unit),
                Severity.ERROR if strict else Severity.WARNING,
                element=named.element,
                found=named.identifier[:200],
                count=str(named.count),
                known=_told(listed),
            )


def _known(agreement: Agreement) -> Mapping[Role, Mapping[str, None]]:
    # As keys, in the order of the agreement: found at once, and told in that order.
    originating = agreement.originating_agencies
    own = (agreement.establishment_identifier,) if originating else ()
    lists = {
        Role.ARCHIVAL: agreement.archival_agencies,
        Role.TRANSFERRING: agreement.transferring_agencies,
        Role.ORIGINATING: (*own, *originating),
        Role.SUBMISSION: agreement.submission_agencies,
    }
    return {role: dict.fromkeys(identifiers) for role, identifiers in lists.items()}


def _told(listed: Mapping[str, None]) -> str:
    told = ", ".join(list(listed)[:_SHOWN])
    return told if len(listed) <= _SHOWN else f"{told} …"
