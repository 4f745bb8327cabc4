"""How much room the sites have, for whoever asks before something new is taken in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from services.storage import queries
from services.storage.sites import OpenSite
from shared.messaging.transaction import RoomDatabase
from shared.object_store.space import Space
from shared.space import REST_SECONDS, Place


@dataclass(frozen=True, slots=True)
class SiteSpaces:
    """The sites, each with the room it has."""

    places: Sequence[Place]

    async def look(self) -> list[dict[str, Any]]:
        """Return for each site whether it is full and what is open to newcomers: null where nobody can tell."""
        for place in self.places:
            await place.look()
        return [_view(place) for place in self.places]


def site_spaces(
    database: RoomDatabase, sites: Mapping[str, OpenSite], rest_seconds: float = REST_SECONDS
) -> SiteSpaces:
    """Return the room of these sites, measured when it is asked for."""

    async def measure(site: OpenSite) -> Space | None:
        name = site.site.name

        async def held() -> int:
            async with database.reading() as connection:
                return (await queries.usage(connection)).get(name, 0)

        found = await site.store.space(held)
        if found is None:
            return None
        async with database.reading() as connection:
            owed = await queries.owed(connection)
        return replace(found, owed=owed.get(name, 0))

    return SiteSpaces([Place("storage", name, partial(measure, sites[name]), rest_seconds) for name in sorted(sites)])


def _view(place: Place) -> dict[str, Any]:
    space = place.space
    return {
        "name": place.name,
        "full": place.full,
        "open_bytes": place.open,
        "free_bytes": None if space is None else space.free,
        "total_bytes": None if space is None else space.total,
    }
