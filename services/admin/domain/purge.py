"""An order to destroy archives, as it was decided."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class PurgeOrder:
    """What is to go: an AIP (`scope` "aip", no `units`), or the `units` of it that are named ("units", some).

    Units are sorted, and each is there once, however they were given. Raises `ContradictoryOrder`.
    `list_sha512` is the digest of the list that was signed, `visa_sha512` that of the visa on it.
    """

    id: UUID
    establishment: UUID
    aip: UUID
    scope: Literal["aip", "units"]
    units: tuple[UUID, ...]
    list_sha512: str
    visa_sha512: str
    ordered_at: datetime
    ordered_by: str

    def __post_init__(self) -> None:
        """Refuse an order that may destroy more, or less, than was meant."""
        object.__setattr__(self, "units", tuple(sorted(set(self.units))))
        if bool(self.units) != (self.scope == "units"):
            raise ContradictoryOrder(f"order {self.id} is on {self.scope}, and names {len(self.units)} units")


class ContradictoryOrder(Exception):
    """An order is on units and names none, or on a whole AIP and names some."""


class OrderConflict(Exception):
    """Another order was given under this id."""
