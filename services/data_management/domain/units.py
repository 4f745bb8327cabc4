"""Units in their tree: how deep each stands, and the days it covers."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.data_management.domain.catalogue import CataloguedUnit, UnreadableCatalogue
from services.data_management.domain.dates import period


@dataclass(frozen=True, slots=True)
class PlacedUnit:
    """A unit with its number in the AIP, its depth (0 for a root) and its bounds in days."""

    unit: CataloguedUnit
    position: int
    depth: int
    first_day: date | None
    last_day: date | None


@dataclass(frozen=True, slots=True)
class StandingAip:
    """What the catalogue holds of an AIP: which version, and how much of it; `purged`: nothing, for ever."""

    version: int
    units: int
    objects: int
    purged: bool = False


class Tree:
    """Places units as they come, parents first; remembers only how deep each stands."""

    def __init__(self) -> None:
        self._depths: dict[bytes, int] = {}

    @property
    def size(self) -> int:
        """How many units have been placed."""
        return len(self._depths)

    def place(self, unit: CataloguedUnit) -> PlacedUnit:
        """Give a unit its place. Raises `UnreadableCatalogue` when a parent has not come before it."""
        own = UUID(unit.id).bytes
        if own in self._depths:
            raise UnreadableCatalogue(f"unit {unit.id} comes twice")
        try:
            above = [self._depths[UUID(parent).bytes] for parent in unit.parents]
        except KeyError as error:
            raise UnreadableCatalogue(f"unit {unit.id} comes before one of its parents") from error
        position = len(self._depths)
        depth = max(above) + 1 if above else 0
        self._depths[own] = depth
        return PlacedUnit(unit, position, depth, *period(unit.start_date, unit.end_date))
