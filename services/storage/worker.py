"""The long work of storage: write each copy, read each copy back, tell when every one was found whole."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from prometheus_client import Counter

from services.storage import recording
from services.storage.domain.copies import Copy, CopyState, read_back, written
from services.storage.domain.holdings import CopyKey, Holding
from services.storage.domain.sites import retention_of
from services.storage.queries import holdings
from services.storage.recording import Step
from services.storage.settings import StorageSettings
from services.storage.sites import OpenSite
from shared.clock import now
from shared.faults import fault_point
from shared.identifiers import new_id
from shared.messaging.gathering import Gatherer, recorder
from shared.messaging.lease import Lease
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import close
from shared.object_store.errors import KeyTaken, NoSuchObject, StoreError, StoreUnavailable, WrongBytes
from shared.object_store.port import ObjectStore, Receipt
from shared.steps import timed

log = logging.getLogger(__name__)

LOST = Counter("chartrier_copies_lost", "Copies that their site did not give back as they were written", ("site",))


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
        self._closed = recorder(database, close)
        for site in sites:
            LOST.labels(site)  # 0 from the start: what first shows itself as 1 was never seen to increase

    async def write(self, held: Lease) -> None:
        """Write one copy. Taken up again after a crash, it finds its own bytes under the key and goes on."""
        holding, copy, opened = await self._subject(held)
        if holding.state != "storing" or copy.state not in {CopyState.TO_WRITE, CopyState.LOST}:
            await self._closed.add(held)
            return
        try:
            with timed("storage", "write_copy"):
                receipt = await self._put(holding, opened)
        except (NoSuchObject, WrongBytes) as error:
            await self._refuse(held, holding, str(error))
            return
        except (StoreUnavailable, KeyTaken) as error:
            raise TryAgain(f"site {copy.site}: {error}") from error
        fault_point("storage.write.put")
        if copy.state is CopyState.LOST and receipt.already_there:
            await self._require_whole(holding, opened, receipt)
        await self._written.add(Step(held, holding, written(copy, receipt, new_id(), now())))
        fault_point("storage.write.noted")

    async def verify(self, held: Lease) -> None:
        """Read one copy back, past our caches, and count it if its digest is the holding's."""
        holding, copy, opened = await self._subject(held)
        try:
            with timed("storage", "read_back"):
                found = await opened.store.sha512(holding.key, copy.version_id, cold=True)
        except NoSuchObject:
            found = None
        except StoreUnavailable as error:
            raise TryAgain(f"site {copy.site}: {error}") from error
        fault_point("storage.verify.read")
        judged = read_back(copy, found, new_id(), now())
        if judged.state is CopyState.VERIFIED:
            await self._verified.add(Step(held, holding, judged))
            fault_point("storage.verify.noted")
        else:
            await self._not_whole(held, holding, judged)

    async def _put(self, holding: Holding, opened: OpenSite) -> Receipt:
        lock = retention_of(opened.site, now(), timedelta(days=self._settings.retention_days))
        put = partial(opened.store.put, holding.key, size=holding.size, sha512=holding.sha512, retention=lock)
        if holding.kind == "record":
            return await put(holding.facts["body"].encode())
        staged = holding.facts["staging_key"]
        # A site may believe a file; a container is small enough for every byte to be measured as it passes.
        path = None if holding.kind == "journal" else self._staging.path_of(staged)
        try:
            return await put(path if path is not None else await self._staging.open_range(staged))
        except FileNotFoundError:
            # Sites speak of themselves otherwise: let staging say whether the file is gone, or staging itself.
            await self._staging.stat(staged)
            raise

    async def _not_whole(self, held: Lease, holding: Holding, judged: Copy) -> None:
        """Decide whose fault other bytes are: the staged ones' (refuse) or the site's (never counts)."""
        if holding.kind == "aip" and not await self._staged_whole(holding):
            await self._refuse(held, holding, "the staged AIP does not have its announced digest")
            return
        await self._lost.add(Step(held, holding, judged))
        LOST.labels(judged.site).inc()
        log.error("a site gave back other bytes", extra={"site": judged.site, "key": holding.key})

    async def _require_whole(self, holding: Holding, opened: OpenSite, receipt: Receipt) -> None:
        """Take over what lies under the key of a lost copy only if it is whole; else a person must remove it."""
        try:
            found = await opened.store.sha512(holding.key, receipt.version_id, cold=True)
        except StoreError as error:
            raise TryAgain(f"site {opened.site.name}: {error}") from error
        if (found.sha512, found.size) != (holding.sha512, holding.size):
            raise TryAgain(f"site {opened.site.name} still holds other bytes under {holding.key}")

    async def _staged_whole(self, holding: Holding) -> bool:
        try:
            found = await self._staging.sha512(holding.facts["staging_key"])
        except NoSuchObject:
            return False
        except StoreError as error:
            raise TryAgain(f"staging: {error}") from error
        return found.sha512 == holding.sha512

    async def _refuse(self, held: Lease, holding: Holding, reason: str) -> None:
        if holding.kind == "journal":
            raise TryAgain(f"staging: {reason}; proof looks there every hour, and puts it there again")
        if holding.kind != "aip":
            raise AssertionError(f"record {holding.key}: {reason}")
        async with self._database.begin() as tx:
            await recording.refuse(tx, held, holding, reason)

    async def _subject(self, held: Lease) -> tuple[Holding, Copy, OpenSite]:
        holding_id, version, site = held.key.split("/", 2)
        if site not in self._sites:
            raise TryAgain(f"site {site} is no longer declared")
        found = await self._subjects.add((UUID(holding_id), int(version), site))
        if found is None:
            raise AssertionError(f"work on a holding that does not exist: {held.key}")
        return *found, self._sites[site]

    async def _find(self, keys: Sequence[CopyKey]) -> list[tuple[Holding, Copy] | None]:
        async with self._database.reading() as connection:
            found = await holdings.subjects(connection, keys)
        return [found.get(key) for key in keys]
