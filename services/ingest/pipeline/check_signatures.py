"""Validate the electronic signatures of a package, where its agreement asks for it.

What does so is loaded here, the first time a process is asked: a second of work that no other deposit pays.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from services.ingest.domain.agreement import Agreement, Signatures
from services.ingest.domain.findings import Finding
from services.ingest.domain.limits import Limits
from services.ingest.domain.sip import Inventory
from services.ingest.pipeline.container.package import SipPackage
from services.ingest.pipeline.sip import Sip

if TYPE_CHECKING:
    from services.ingest.pipeline.signatures.sighting import Kind
    from services.ingest.trust import Trust


@dataclass(frozen=True, slots=True)
class Verification:
    """Whom signatures are trusted by, and the moment of the validation."""

    trust: "Trust"
    now: datetime


def wants_signatures(agreement: Agreement) -> bool:
    """Say whether an agreement has any signature looked at."""
    return {agreement.signatures, agreement.message_signature} != {Signatures.IGNORE}


def _most(limits: Limits) -> "dict[Kind, int]":
    from services.ingest.pipeline.signatures.sighting import Kind  # noqa: PLC0415 (see above)

    return dict.fromkeys(Kind, limits.max_signed_bytes) | {Kind.XML: limits.max_signed_xml_bytes}


def check_signatures(
    sip_path: Path, inventory: Inventory, message: Path, sip: Sip, by: tuple[Verification, Limits]
) -> tuple[Inventory, list[Finding]]:
    """Return the inventory with a report on signatures, and what of it is to be told.

    `message` is a copy of the manifest; temporary files are made beside it.
    """
    from services.ingest.pipeline.signatures.examine import Terms, examine  # noqa: PLC0415 (see above)
    from services.ingest.pipeline.signatures.findings import signature_findings  # noqa: PLC0415 (see above)
    from services.ingest.pipeline.signatures.pairs import Pairs  # noqa: PLC0415 (see above)

    verification, limits = by
    package = SipPackage(sip_path, inventory.manifest_path, inventory.prefix, limits)
    pairs = Pairs((file.path for file in inventory.files), sip.manifest, sip.located)
    terms = Terms(sip.agreement, verification.trust, verification.now, message.parent, _most(limits))
    report, left = examine(package, inventory, (sip.manifest_name, message), pairs, terms)
    return replace(inventory, signatures=report), list(signature_findings(sip, report, left))
