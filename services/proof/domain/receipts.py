"""The receipt of a transfer: what it says, from what is known of its package and its lines (docs/proof-format.md)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.proof.domain.sealing import DIGEST
from shared.clock import rfc3339
from shared.messages.journal import TRANSFER_ACCEPTED

RECEIPT_TYPE = "chartrier-receipt+jws"


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line of a transfer in its journal; `body` is its canonical JSON."""

    journal: str
    number: int
    sha512: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """A package as it was first stored: its group, and each copy as it was read back before acceptance."""

    transfer: UUID
    aip: UUID
    version: int
    establishment: UUID
    sha512: str
    size: int
    leaf: bytes
    members: int
    copies: Sequence[Mapping[str, Any]]


def accepted_at(lines: Sequence[PlacedLine]) -> str | None:
    """Return when responsibility passed: the moment at which the line of acceptance was recorded; None before."""
    for line in lines:
        fields = json.loads(line.body)
        if fields["action"] == TRANSFER_ACCEPTED and fields["outcome"] == "ok":
            return str(fields["recorded_at"])
    return None


def receipt_payload(
    received: Received, lines: Sequence[PlacedLine], accepted: str, issued_at: datetime, *, probative: bool
) -> dict[str, Any]:
    """Return what is signed; of the lines those up to acceptance, which is the same whenever it is issued."""
    return {
        "format": "chartrier-receipt/1",
        "probative": probative,
        "transfer": str(received.transfer),
        "establishment": str(received.establishment),
        "aip": str(received.aip),
        "version": received.version,
        "accepted_at": accepted,
        "issued_at": rfc3339(issued_at),
        "aip_sha512": received.sha512,
        "aip_size": received.size,
        "group": received.leaf.hex(),
        "members": received.members,
        "copies": [
            {"place": one["place"], "sha512": one["sha512"], "site": one["site"], "verified_at": _time(one)}
            for one in received.copies
        ],
        "lines": [
            {"journal": line.journal, "number": line.number, "sha512": line.sha512}
            for line in lines
            if json.loads(line.body)["recorded_at"] <= accepted
        ],
    }


def _time(copy: Mapping[str, Any]) -> str:
    return rfc3339(datetime.fromisoformat(copy["verified_at"]))


def counted(digests: bytes) -> int:
    """Return how many digests there are in a group."""
    return len(digests) // DIGEST
