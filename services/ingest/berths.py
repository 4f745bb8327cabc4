"""Room for one more deposit: in this process, in staging, on the sites; refused before its body is read where not.

A deposit of n bytes is reckoned to need 2.5 n in staging and 1.5 n on each site: the SIP itself, and its AIP, which
is a little larger where the SIP was not compressed and may be several times as large where it was. What the
reckoning misses lives from the reserve; and where even that is used up the work waits, and nothing is lost.

Once its bytes are all there, and before anything is promised, a deposit is looked at again: what other processes
have taken meanwhile is known by then.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from services.ingest import queries
from services.ingest.adapters.sites import Sites
from services.ingest.uploads import queries as uploads
from shared.messaging.transaction import RoomDatabase
from shared.metrics import OVERLOADED, RATE_LIMITED
from shared.object_store.port import ObjectStore
from shared.object_store.space import Space
from shared.overload import overloaded
from shared.problems import Problem
from shared.space import REST_SECONDS, Place

ONE_CLIENT = 4
"""One client may hold one in so many of the places for deposits that come in: the others are for everybody else."""

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


def too_many_at_once() -> Problem:
    """Return the answer for a deposit of a client of whom as many come in already as may of one."""
    return Problem(
        429,
        "too_many_deposits_at_once",
        "Trop de vos versements arrivent en même temps ; réessayez quand l'un d'eux sera terminé.",
        "Too many of your deposits are coming in at once; try again when one of them has ended.",
        headers={"Retry-After": "1"},
    )


class Berth:
    """A deposit that comes in: how many bytes it is reckoned with, and how many have come.

    Reckoned are the bytes that were announced, or else as many as have come: not every sender says. `seen` are those
    that the last measure of staging found there already.
    """

    def __init__(self, berths: "Berths", depositor: str) -> None:
        self.depositor = depositor
        self.reckoned = 0
        self.taken = 0
        self.seen = 0
        self.whole = False
        self._berths = berths

    async def within(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass a stream on as long as there is room for it. Raises a 507 `Problem`."""
        async for chunk in chunks:
            self.taken += len(chunk)
            if self.taken > self.reckoned:
                await self._berths.reckon(self, self.taken)
            yield chunk
        await self._berths.confirm(self)
        self.whole = True

    def recorded(self, size: int) -> None:
        """Leave so many of the bytes that have come to a row that tells of them: of an upload, each piece has one."""
        told = Berth(self._berths, self.depositor)
        told.reckoned = told.taken = size
        told.seen = min(self.seen, size)
        self.reckoned -= size
        self.taken -= size
        self.seen -= told.seen
        self._berths.entered(told)


class Berths:
    """Gives leave to deposit: to so many at once, and to what there is room for."""

    def __init__(
        self,
        database: RoomDatabase,
        staging: ObjectStore,
        sites: Sites,
        most: int,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self.staging = Place("ingest", "staging", self._measure, rest_seconds)
        self._database = database
        self._store = staging
        self._sites = sites
        self._most = most
        self._here: list[Berth] = []
        # Those that came in whole, and when: until a measure has seen the row that each became.
        self._entered: list[tuple[float, Berth]] = []

    @asynccontextmanager
    async def berth(self, depositor: str, expected: int | None) -> AsyncIterator[Berth]:
        """Hold a place for a deposit of `expected` bytes until it is entered, or refused.

        Raises a 507 `Problem` where there is no room for it, 503 where as many come in already as may, and 429
        where as many of this depositor do.
        """
        self._admit(depositor)
        berth = Berth(self, depositor)
        self._here.append(berth)
        try:
            await self.reckon(berth, expected or 0)
            yield berth
        finally:
            self._here.remove(berth)
            if berth.whole:
                self.entered(berth)

    def entered(self, berth: Berth) -> None:
        """Reckon with what has a row now, until a measure has seen that row."""
        self._entered = [*self._not_seen(), (time.monotonic(), berth)]

    def _admit(self, depositor: str) -> None:
        if len(self._here) >= self._most:
            OVERLOADED.labels("ingest").inc()
            raise overloaded()
        if sum(berth.depositor == depositor for berth in self._here) >= max(1, self._most // ONE_CLIENT):
            RATE_LIMITED.labels("ingest").inc()
            raise too_many_at_once()

    async def reckon(self, berth: Berth, size: int) -> None:
        """Reckon a deposit with so many bytes. Raises a 507 `Problem` where there is no room beside the others."""
        await self.staging.look()
        open_on_sites = await self._sites.open_bytes()
        # From here on nothing is awaited until this deposit is reckoned with: no two count on the same room.
        coming = [*self._here, *self._unseen()]
        reckoned = sum(one.reckoned for one in coming) - berth.reckoned + max(1, size)
        seen = sum(one.seen for one in coming)
        if self.staging.open is not None and DEPOSIT_OF_SIP * reckoned - seen > self.staging.open:
            raise no_room(STAGING_FULL)
        if open_on_sites is not None and AIP_OF_SIP * reckoned > open_on_sites:
            raise no_room(SITE_FULL)
        berth.reckoned = size

    async def confirm(self, berth: Berth) -> None:
        """Look whether the AIP of a deposit that is there will have room, with the reserve if need be.

        Raises a 507 `Problem` where not: others have taken more than was seen at the door.
        """
        await self.staging.look()
        berth.reckoned = berth.taken
        needed = sum(DEPOSIT_OF_SIP * one.reckoned - one.seen for one in (berth, *self._unseen()))
        if (space := self.staging.space) is not None and needed > space.free - space.owed:
            raise no_room(STAGING_FULL)

    def _unseen(self) -> list[Berth]:
        self._entered = self._not_seen()
        return [one for _, one in self._entered]

    def _not_seen(self) -> list[tuple[float, Berth]]:
        begun_at = self.staging.begun_at
        return [(at, one) for at, one in self._entered if begun_at is None or at >= begun_at]

    async def _measure(self) -> Space | None:
        """Return what room staging has, less what the transfers on their way will still put there."""
        for berth in self._here:
            berth.seen = berth.taken
        found = await self._store.space(self._held)
        if found is None:
            return None
        async with self._database.reading() as connection:
            _, unbuilt, _ = await queries.pending_bytes(connection)
            # Until its pieces are put together, and go, an upload is what its SIP will be.
            _, coming = await uploads.piece_bytes(connection)
        return replace(found, owed=int(AIP_OF_SIP * (unbuilt + coming)))

    async def _held(self) -> int:
        async with self._database.reading() as connection:
            sips, _, aips = await queries.pending_bytes(connection)
            pieces, _ = await uploads.piece_bytes(connection)
        # As on a volume, what has come of a deposit is there.
        return sips + aips + pieces + sum(berth.seen for berth in self._here)
