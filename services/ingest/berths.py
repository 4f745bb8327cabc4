"""Room for one more deposit: in this process, in staging, on the sites; refused before its body is read where not.

A deposit of n bytes is reckoned to need 2.5 n in staging and 1.5 n on each site: the SIP itself, and its AIP, which
is a little larger where the SIP was not compressed and may be several times as large where it was. What the
reckoning misses lives from the reserve; and where even that is used up the work waits, and nothing is lost.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from services.ingest import queries
from services.ingest.adapters.sites import Sites
from shared.messaging.transaction import RoomDatabase
from shared.metrics import OVERLOADED
from shared.object_store.port import ObjectStore
from shared.object_store.space import Space
from shared.overload import overloaded
from shared.problems import Problem
from shared.space import REST_SECONDS, Place

AIP_OF_SIP = 1.5
DEPOSIT_OF_SIP = 1 + AIP_OF_SIP

STAGING_FULL = "staging_full"
SITE_FULL = "site_full"
_TEXTS = {
    STAGING_FULL: ("La zone d'attente de l'archive n'a pas", "The archive's waiting area does not have"),
    SITE_FULL: ("Un site de conservation n'a pas", "A storage site does not have"),
}
RETRY_SECONDS = 60


def no_room(code: str) -> Problem:
    """Return the answer for a deposit that there is no room for."""
    fr, en = _TEXTS[code]
    return Problem(
        507,
        code,
        f"{fr} assez de place pour ce versement ; rien n'en a été conservé. Réessayez plus tard.",
        f"{en} enough room for this deposit; nothing of it was kept. Try again later.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def staging_place(database: RoomDatabase, staging: ObjectStore, rest_seconds: float = REST_SECONDS) -> Place:
    """Return staging as a place with room, less what the transfers on their way will still put there."""

    async def held() -> int:
        async with database.reading() as connection:
            sips, _, aips = await queries.pending_bytes(connection)
        return sips + aips

    async def measure() -> Space | None:
        found = await staging.space(held)
        if found is None:
            return None
        async with database.reading() as connection:
            _, unbuilt, _ = await queries.pending_bytes(connection)
        return replace(found, owed=int(AIP_OF_SIP * unbuilt))

    return Place("ingest", "staging", measure, rest_seconds)


@dataclass(frozen=True, slots=True)
class Berth:
    """Leave to deposit up to `limit` bytes (None: as many as come); `code` says what there is no more of beyond."""

    limit: int | None
    code: str

    async def within(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass a stream on as long as there is room for it: not every sender says how much comes."""
        taken = 0
        async for chunk in chunks:
            taken += len(chunk)
            if self.limit is not None and taken > self.limit:
                raise no_room(self.code)
            yield chunk


class Berths:
    """Gives leave to deposit: to so many at once, and to what there is room for."""

    def __init__(self, staging: Place, sites: Sites, most: int) -> None:
        self.staging = staging
        self._sites = sites
        self._most = most
        self._count = 0
        self._expected = 0

    @asynccontextmanager
    async def berth(self, expected: int | None) -> AsyncIterator[Berth]:
        """Hold a place for a deposit of `expected` bytes while its bytes come in.

        Raises a 507 `Problem` where there is no room for it, 503 where as many come in already as may.
        """
        if self._count >= self._most:
            OVERLOADED.labels("ingest").inc()
            raise overloaded()
        size = expected or 0
        self._count += 1
        try:
            berth = await self._room()
            if berth.limit is not None and (berth.limit == 0 or size > berth.limit):
                raise no_room(berth.code)
            self._expected += size
            try:
                yield berth
            finally:
                self._expected -= size
        finally:
            self._count -= 1

    async def _room(self) -> Berth:
        await self.staging.look()
        open_on_sites = await self._sites.open_bytes()
        # From here on nothing is awaited until this deposit is among those expected.
        in_staging = _deposits(self.staging.open, self._expected, DEPOSIT_OF_SIP)
        on_sites = _deposits(open_on_sites, self._expected, AIP_OF_SIP)
        if on_sites is not None and (in_staging is None or on_sites < in_staging):
            return Berth(on_sites, SITE_FULL)
        return Berth(in_staging, STAGING_FULL)


def _deposits(open_bytes: int | None, expected: int, factor: float) -> int | None:
    """Return how large a deposit may be where so much is open, beside those that are coming in."""
    return None if open_bytes is None else max(0, int(open_bytes / factor) - expected)
