"""The build plan: everything an AIP's bytes depend on besides the SIP itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid5

from services.ingest.domain.findings import Finding
from services.ingest.domain.profile import AppliedProfile


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """Committed before the first byte of the AIP, so that any worker writes the same bytes.

    Times are RFC 3339 UTC texts, digests SHA-512 in hex, sizes bytes; `software` maps a tool's name to
    its version; `agreement_identifier` and `agreement_version` are what the transfer was judged by,
    with `profile` where there was one.
    """

    aip_id: UUID
    transfer_id: UUID
    establishment: UUID
    agreement_identifier: str
    agreement_version: int
    received_at: str
    planned_at: str
    sip_sha512: str
    sip_size: int
    depositor: str
    software: Mapping[str, str]
    findings: tuple[Finding, ...] = ()
    profile: AppliedProfile | None = None

    def unit_id(self, xml_id: str) -> UUID:
        """Return the system identifier of the unit that the manifest calls `xml_id`."""
        return uuid5(self.aip_id, f"unit:{xml_id}")

    def object_id(self, xml_id: str) -> UUID:
        """Return the system identifier of the data object that the manifest calls `xml_id`."""
        return uuid5(self.aip_id, f"object:{xml_id}")

    def group_id(self, xml_id: str) -> UUID:
        """Return the system identifier of the object group that the manifest calls `xml_id`."""
        return uuid5(self.aip_id, f"group:{xml_id}")
