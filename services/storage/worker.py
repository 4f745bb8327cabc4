"""The long work of storage: write each copy, read each copy back, tell when every one was found whole."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from uuid import UUID

from services.storage import queries
from services.storage.domain.copies import Copy, CopyState, is_stored, read_back, written
from services.storage.domain.sites import retention_of
from services.storage.handlers import VERIFY, WRITE, work_key
from services.storage.queries import Holding
from services.storage.settings import StorageSettings
from services.storage.sites import OpenSite
from shared.clock import now
from shared.identifiers import new_id
from shared.messages.ingest import MemberV1
from shared.messages.journal import JournalLineV1
from shared.messages.storage import AipStorageRefusedV1, AipStoredV1, ReceiptV1
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import Lease, enqueue, finish
from shared.object_store.errors import KeyTaken, NoSuchObject, StoreError, StoreUnavailable, WrongBytes
from shared.object_store.port import ObjectStore, Receipt

log = logging.getLogger(__name__)

ACTOR = "room:storage"


class Keeper:
    """Puts holdings on sites and proves they are there."""

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

    async def write(self, held: Lease) -> None:
        """Write one copy. Taken up again after a crash, it finds its own bytes under the key and goes on."""
        holding, copy, opened = await self._subject(held)
        if holding.state != "storing" or copy.state not in {CopyState.TO_WRITE, CopyState.LOST}:
            async with self._database.begin() as tx:
                await finish(tx, held)
            return
        try:
            receipt = await self._put(holding, opened)
        except (NoSuchObject, WrongBytes) as error:
            await self._refuse(held, holding, str(error))
            return
        except (StoreUnavailable, KeyTaken) as error:
            raise TryAgain(f"site {copy.site}: {error}") from error
        if copy.state is CopyState.LOST and receipt.already_there:
            await self._require_whole(holding, opened, receipt)
        async with self._database.begin() as tx:
            await finish(tx, held)
            await queries.put_copy(tx.connection, holding, written(copy, receipt, new_id(), now()))
            await enqueue(tx, VERIFY, work_key(holding.id, holding.version, copy.site))

    async def verify(self, held: Lease) -> None:
        """Read one copy back, past our caches, and count it if its digest is the holding's."""
        holding, copy, opened = await self._subject(held)
        try:
            found = await opened.store.sha512(holding.key, copy.version_id, cold=True)
        except NoSuchObject:
            found = None
        except StoreUnavailable as error:
            raise TryAgain(f"site {copy.site}: {error}") from error
        judged = read_back(copy, found, new_id(), now())
        if judged.state is not CopyState.VERIFIED:
            await self._not_whole(held, holding, judged)
            return
        async with self._database.begin() as tx:
            await finish(tx, held)
            # Locked, so that of two copies verified at once exactly one finds itself the last.
            locked = await queries.get_holding(tx.connection, holding.id, holding.version, lock=True)
            await queries.put_copy(tx.connection, holding, judged)
            tx.journal(_write_line(holding, judged))
            if locked is not None and locked.state == "storing":
                await self._conclude(tx, locked)

    async def _conclude(self, tx: Transaction, holding: Holding) -> None:
        """Tell that the holding is stored, if this was the last copy to be verified."""
        copies = await queries.copies_of(tx.connection, holding)
        # The sites it was taken in for: one declared since is filled by other means.
        if not is_stored(copies, [copy.site for copy in copies]):
            return
        await queries.set_state(tx.connection, holding, "stored")
        tx.journal(_stored_line(holding, len(copies)))
        if holding.kind == "aip" and holding.establishment is not None:
            tx.post(
                AipStoredV1(
                    aip_id=holding.id,
                    transfer_id=UUID(holding.facts["transfer_id"]),
                    establishment=holding.establishment,
                    version=holding.version,
                    sha512=holding.sha512,
                    size=holding.size,
                    receipts=tuple(self._receipt(holding, copy) for copy in copies),
                    catalogue=MemberV1.model_validate(holding.facts["catalogue"]),
                )
            )

    def _receipt(self, holding: Holding, copy: Copy) -> ReceiptV1:
        if copy.verified_at is None:
            raise AssertionError(f"{holding.key} on {copy.site} was not read back")
        return ReceiptV1(
            site=copy.site,
            place=self._sites[copy.site].site.place if copy.site in self._sites else "",
            key=holding.key,
            version_id=copy.version_id,
            sha512=copy.expected.sha512,
            verified_at=copy.verified_at,
        )

    async def _put(self, holding: Holding, opened: OpenSite) -> Receipt:
        lock = retention_of(opened.site, now(), timedelta(days=self._settings.retention_days))
        put = partial(opened.store.put, holding.key, size=holding.size, sha512=holding.sha512, retention=lock)
        if holding.kind == "record":
            return await put(holding.facts["body"].encode())
        staged = holding.facts["staging_key"]
        path = self._staging.path_of(staged)
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
        async with self._database.begin() as tx:
            await finish(tx, held)
            await queries.put_copy(tx.connection, holding, judged)
            await enqueue(tx, WRITE, work_key(holding.id, holding.version, judged.site))
            tx.journal(_write_line(holding, judged).model_copy(update={"outcome": "ko"}))
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
        if holding.kind != "aip" or holding.establishment is None:
            raise AssertionError(f"record {holding.key}: {reason}")
        async with self._database.begin() as tx:
            await finish(tx, held)
            locked = await queries.get_holding(tx.connection, holding.id, holding.version, lock=True)
            if locked is None or locked.state != "storing":
                return
            await queries.set_state(tx.connection, locked, "refused")
            tx.post(
                AipStorageRefusedV1(
                    aip_id=holding.id,
                    transfer_id=UUID(holding.facts["transfer_id"]),
                    establishment=holding.establishment,
                    reason=reason,
                )
            )

    async def _subject(self, held: Lease) -> tuple[Holding, Copy, OpenSite]:
        holding_id, version, site = held.key.split("/", 2)
        if site not in self._sites:
            raise TryAgain(f"site {site} is no longer declared")
        async with self._database.reading() as connection:
            found = await queries.subject(connection, UUID(holding_id), int(version), site)
        if found is None:
            raise AssertionError(f"work on a holding that does not exist: {held.key}")
        return *found, self._sites[site]


def _write_line(holding: Holding, copy: Copy) -> JournalLineV1:
    """Return the line of the write log: what a site holds, as read back from it (NF Z42-013)."""
    return JournalLineV1(
        kind="writes",
        action="copy.written",
        actor=ACTOR,
        object=f"{holding.kind}:{holding.id}",
        establishment=holding.establishment,
        details={
            "site": copy.site,
            "key": holding.key,
            "version": holding.version,
            "version_id": copy.version_id or "",
            "sha512": holding.sha512,
            "size": holding.size,
        },
    )


def _stored_line(holding: Holding, copies: int) -> JournalLineV1:
    return JournalLineV1(
        kind="archives",
        action=f"{holding.kind}.stored",
        actor=ACTOR,
        object=f"{holding.kind}:{holding.id}",
        establishment=holding.establishment,
        transfer_id=UUID(holding.facts["transfer_id"]) if holding.kind == "aip" else None,
        details={"version": holding.version, "copies": copies, "sha512": holding.sha512},
    )
