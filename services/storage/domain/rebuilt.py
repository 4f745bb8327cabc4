"""What a rebuild finds again of a holding and its copies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class KnownCopy:
    """A copy that a site is known to hold, or is to be asked for; `written_at`: as the write log says."""

    site: str
    version_id: str | None
    written_at: datetime | None


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A holding found again, with its copies; `facts` are those that it was taken in with."""

    id: UUID
    version: int
    kind: str
    establishment: UUID | None
    key: str
    sha512: str
    size: int
    facts: Mapping[str, Any]
    stored_at: datetime
    copies: Sequence[KnownCopy] = ()
