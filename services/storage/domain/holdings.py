"""What storage keeps: AIPs, records, containers of lines, proofs: immutable bytes, the same on every site."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.storage.domain.copies import Copy, CopyState
from shared.checksums import sha512_of

KEPT = frozenset({"stored", "damaged"})
"""States of a holding that was stored: a copy that it loses comes back from another, or is named."""

OF_PROOF = frozenset({"journal", "proof"})
"""Kinds of holdings that proof makes: small, staged by it again where staging lost them, told of by the platform."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One AIP, record, container of lines or proof, in one version; `facts` is what its sender told of it."""

    id: UUID
    version: int
    kind: str
    establishment: UUID | None
    key: str
    sha512: str
    size: int
    state: str
    facts: dict[str, Any]
    taken_at: datetime
    stored_at: datetime | None

    @property
    def body(self) -> bytes | None:
        """Return the bytes themselves where the sender's word has them and they are whole: of a small record."""
        body = self.facts.get("body")
        told = body.encode() if isinstance(body, str) else None
        return told if told is not None and sha512_of(told) == self.sha512 else None


def is_owed(holding: Holding, copy: Copy) -> bool:
    """Say whether a copy is to be written, or written again. Of what is damaged there is nothing to write it from."""
    return holding.state in ("storing", "stored") and copy.state in (CopyState.TO_WRITE, CopyState.LOST)


HoldingKey = tuple[UUID, int]
"""Id and version: what a holding is known by."""

CopyKey = tuple[UUID, int, str]
"""Id, version and site: what a copy is known by."""

GOING = frozenset({"purging", "purged"})
"""States of a holding that nobody reads, writes or repairs any more."""
