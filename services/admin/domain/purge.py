"""An order to destroy archives, as it was decided."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class PurgeOrder:
    """What is to go: an AIP, or the `units` of it that are named (none: all of it).

    `list_sha512` is the digest of the list that was signed, `visa_sha512` that of the visa on it.
    """

    id: UUID
    establishment: UUID
    aip: UUID
    units: tuple[UUID, ...]
    list_sha512: str
    visa_sha512: str
    ordered_at: datetime
    ordered_by: str


class OrderConflict(Exception):
    """Another order was given under this id."""
