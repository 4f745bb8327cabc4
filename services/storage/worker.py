"""The long work of storage: write each copy, read each copy back, tell when every one was found whole."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

from services.storage import recording, repairing
from services.storage.domain.copies import Copy, CopyState, is_unproven, read_back, written
from services.storage.domain.holdings import GOING, OF_PROOF, CopyKey, Holding, is_owed
from services.storage.domain.sites import retention_of
from services.storage.handlers import copy_key
from services.storage.queries import holdings
from services.storage.recording import Step
from services.storage.settings import StorageSettings
from services.storage.sites import OpenSite
from services.storage.sources import GoodCopies, measured, pinned, put_staged, whole_there
from shared.clock import now
from shared.faults import fault_point
from shared.identifiers import new_id
from shared.messaging.gathering import Gatherer, recorder
from shared.messaging.lease import Lease
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.object_store.errors import (
    KeyTaken,
    NoSuchObject,
    ObjectLocked,
    StoreError,
    StoreUnavailable,
    WrongBytes,
)
from shared.object_store.port import ObjectStore, Receipt
from shared.steps import timed


class Keeper:
    """Puts holdings on sites and proves they are there.

    What many copies have to read or write in the database at one moment is done together (`recording`).
    """

    def __init__(
        self,
        database: RoomDatabase,
        sites: Mapping[str, OpenSite],
        staging: ObjectStore,
        settings: StorageSettings,
    ) -> None:
        self._database = database
        self._sites = sites
        self._staging = staging
        self._settings = settings
        self._subjects: Gatherer[CopyKey, tuple[Holding, Copy] | None] = Gatherer(self._find)
        self._written = recorder(database, recording.note_written)
        self._verified = recorder(database, partial(recording.note_verified, sites))
        self._lost = recorder(database, recording.note_lost)
        self._idle = recorder(database, recording.note_idle)
        self._good = GoodCopies(database, sites)
        repairing.count_from_zero(sites)

    async def write(self, held: Lease) -> None:
        """Write one copy. Taken up again after a crash, it finds its own bytes under the key and goes on."""
        holding, copy = await self._subject(held)
        if not is_owed(holding, copy):
            await self._idle.add(held)
            return
        opened = self._opened(copy)
        try:
            with timed("storage", "write_copy"):
                receipt = await self._put(holding, copy, opened)
        except (NoSuchObject, WrongBytes) as error:
            if holding.state != "storing":
                raise TryAgain(f"site {copy.site}: {error}") from error
            await self._refuse(held, holding, str(error))
            return
        except (StoreUnavailable, KeyTaken, ObjectLocked) as error:
            raise TryAgain(f"site {copy.site}: {error}") from error
        if receipt is None:
            await self._give_up(held, holding)
            return
        fault_point("storage.write.put")
        await self._written.add(Step(held, holding, written(copy, receipt, new_id(), now())))
        fault_point("storage.write.noted")

    async def verify(self, held: Lease) -> None:
        """Read one copy back, past our caches, and count it if its digest is the holding's."""
        holding, copy = await self._subject(held)
        if holding.state in GOING or not is_unproven(copy):
            await self._idle.add(held)
            return
        opened = self._opened(copy)
        with timed("storage", "read_back"):
            copy = await pinned(opened, holding, copy)
            found = await measured(opened, holding, copy)
        fault_point("storage.verify.read")
        judged = read_back(copy, found, new_id(), now())
        if judged.state is CopyState.VERIFIED:
            await self._verified.add(Step(held, holding, judged))
            fault_point("storage.verify.noted")
        else:
            await self._not_whole(Step(held, holding, judged, found))

    async def _put(self, holding: Holding, copy: Copy, opened: OpenSite) -> Receipt | None:
        """Write a copy; None if nothing is left to write it from."""
        lost = copy.state is CopyState.LOST
        lock = retention_of(opened.site, now(), timedelta(days=self._settings.retention_days))
        if lost and (there := await whole_there(opened, holding, lock)) is not None:
            return there
        # The key of a copy that was lost may hold what is not ours, and keeps it: set aside, or a version below.
        act = opened.store.put_over if lost else opened.store.put
        put = partial(act, holding.key, size=holding.size, sha512=holding.sha512, retention=lock)
        if holding.state == "storing":
            return await put_staged(self._staging, holding, put)
        return await self._good.put(holding, copy.site, put)

    async def _give_up(self, held: Lease, holding: Holding) -> None:
        async with self._database.begin() as tx:
            await repairing.give_up(tx, held, holding)

    async def _not_whole(self, step: Step) -> None:
        """Decide whose fault other bytes are: the staged ones' (refuse) or the site's (never counts)."""
        holding = step.holding
        if holding.kind == "aip" and holding.state == "storing" and not await self._staged_whole(holding):
            await self._refuse(step.held, holding, "the staged AIP does not have its announced digest")
            return
        await self._lost.add(step)
        fault_point("storage.repair.lost")

    async def _staged_whole(self, holding: Holding) -> bool:
        try:
            found = await self._staging.sha512(holding.facts["staging_key"])
        except NoSuchObject:
            return False
        except StoreError as error:
            raise TryAgain(f"staging: {error}") from error
        return found.sha512 == holding.sha512

    async def _refuse(self, held: Lease, holding: Holding, reason: str) -> None:
        if holding.kind in OF_PROOF:
            raise TryAgain(f"staging: {reason}; proof looks there every hour, and puts it there again")
        if holding.kind != "aip":
            raise AssertionError(f"record {holding.key}: {reason}")
        async with self._database.begin() as tx:
            await recording.refuse(tx, held, holding, reason)

    async def _subject(self, held: Lease) -> tuple[Holding, Copy]:
        found = await self._subjects.add(copy_key(held.key))
        if found is None:
            raise AssertionError(f"work on a holding that does not exist: {held.key}")
        return found

    def _opened(self, copy: Copy) -> OpenSite:
        if copy.site not in self._sites:
            raise TryAgain(f"site {copy.site} is no longer declared")
        return self._sites[copy.site]

    async def _find(self, keys: Sequence[CopyKey]) -> list[tuple[Holding, Copy] | None]:
        async with self._database.reading() as connection:
            found = await holdings.subjects(connection, keys)
        return [found.get(key) for key in keys]
