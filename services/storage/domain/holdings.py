"""What storage keeps: AIPs, records and containers of journal lines, immutable bytes, the same on every site."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Holding:
    """One AIP, record or container of lines, in one version; `facts` is what its sender told of it."""

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


HoldingKey = tuple[UUID, int]
"""Id and version: what a holding is known by."""

CopyKey = tuple[UUID, int, str]
"""Id, version and site: what a copy is known by."""
