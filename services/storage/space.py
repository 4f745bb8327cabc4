"""How much room the sites have, for whoever asks before something new is taken in."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from services.storage.queries import amounts
from services.storage.sites import OpenSite
from shared.messaging.gathering import Gatherer
from shared.messaging.transaction import RoomDatabase
from shared.object_store.space import Space
from shared.space import REST_SECONDS, Place

PATIENCE_SECONDS = 1.0
"""How long a site may take to answer: half of what ingest waits for all of them."""


@dataclass(frozen=True, slots=True)
class SiteSpaces:
    """The sites, each with the room it has."""

    places: Sequence[Place]

    async def look(self) -> list[dict[str, Any]]:
        """Return for each site whether it is full and what is open to newcomers: null where nobody can tell."""
        # At once: one that hangs takes its time for itself alone.
        await asyncio.gather(*(place.look() for place in self.places))
        return [_view(place) for place in self.places]


def site_spaces(
    database: RoomDatabase,
    sites: Mapping[str, OpenSite],
    rest_seconds: float = REST_SECONDS,
    patience_seconds: float = PATIENCE_SECONDS,
) -> SiteSpaces:
    """Return the room of these sites, measured when it is asked for."""

    async def find_owed(names: Sequence[str]) -> list[int]:
        async with database.reading() as connection:
            found = await amounts.owed(connection)
        return [found.get(name, 0) for name in names]

    owed = Gatherer(find_owed)

    async def measure(site: OpenSite) -> Space | None:
        name = site.site.name
        still_to_come = await owed.add(name)

        async def held() -> int:
            async with database.reading() as connection:
                return (await amounts.usage(connection)).get(name, 0)

        found = await site.store.space(held)
        return None if found is None else replace(found, owed=still_to_come)

    return SiteSpaces(
        [
            Place("storage", name, partial(measure, sites[name]), rest_seconds, patience_seconds)
            for name in sorted(sites)
        ]
    )


def _view(place: Place) -> dict[str, Any]:
    space = place.space
    return {
        "name": place.name,
        "full": place.full,
        "open_bytes": place.open,
        "free_bytes": None if space is None else space.free,
        "total_bytes": None if space is None else space.total,
    }
