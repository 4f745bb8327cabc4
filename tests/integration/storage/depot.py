"""What a test does with storage: hand over an AIP, have copies written and read back, look at what is where."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

from sqlalchemy import select

from services.storage.domain.copies import Copy
from services.storage.domain.holdings import Holding
from services.storage.handlers import VERIFY, WRITE, take_aips
from services.storage.queries import holdings
from services.storage.settings import StorageSettings
from services.storage.sites import OpenSite
from services.storage.worker import Keeper
from shared.checksums import sha512_of
from shared.database.plumbing import outbox
from shared.identifiers import new_id
from shared.messages.ingest import AipBuiltV1, MemberV1
from shared.messages.journal import JournalLinesV1, JournalLineV1
from shared.messages.message import Message
from shared.messaging.lease import Lane, Lease
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import lease
from shared.object_store.keeping import SiteStore
from shared.object_store.port import ObjectStore
from tests.servers import Databases

M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class Depot:
    """Storage's parts at hand."""

    databases: Databases
    database: RoomDatabase
    sites: Mapping[str, OpenSite]
    staging: ObjectStore
    settings: StorageSettings

    @property
    def keeper(self) -> Keeper:
        return Keeper(self.database, self.sites, self.staging, self.settings)

    def with_site(self, name: str, store: SiteStore) -> "Depot":
        """The same depot, one of its sites kept by another store."""
        return replace(self, sites={**self.sites, name: replace(self.sites[name], store=store)})

    def and_site(self, opened: OpenSite) -> "Depot":
        """The same depot, where one more site is declared."""
        return replace(self, sites={**self.sites, opened.site.name: opened})

    async def hand_over(self, content: bytes | None = None) -> AipBuiltV1:
        """Put an AIP in staging and announce it, as ingest does; nothing is copied yet."""
        content = content or f"aip {uuid4()}\n".encode() * 500
        aip_id = new_id()
        message = an_announcement(aip_id, content)
        await self.staging.put(message.staging_key, content)
        await self.take(message)
        return message

    async def take(self, message: AipBuiltV1) -> None:
        async with self.database.begin() as tx:
            await take_aips(sorted(self.sites))(tx, [message])

    async def lease(self, kind: str, *lanes: Lane) -> list[Lease]:
        """Take the work of a kind in some lanes: those of deposits unless told otherwise."""
        asked = lanes or (Lane.USUAL, Lane.LARGE)
        return [held for lane in asked for held in await lease(self.database, [kind], 100, lane=lane)]

    async def write(self) -> None:
        for held in await self.lease(WRITE):
            await self.keeper.write(held)

    async def verify(self) -> None:
        for held in await self.lease(VERIFY):
            await self.keeper.verify(held)

    async def work_off(self) -> None:
        await self.write()
        await self.verify()

    async def refused_for_now(self, act: Callable[[Lease], Awaitable[None]], kind: str) -> int:
        """Do all the work of a kind; return how much of it has to be tried again."""
        again = 0
        for held in await self.lease(kind):
            try:
                await act(held)
            except TryAgain:
                again += 1
        return again

    async def release(self) -> None:
        """Make all work ready now, as once its wait is over."""
        await self.databases.as_superuser("UPDATE storage.work SET leased_until = NULL, not_before = now()")

    async def work(self) -> list[str]:
        rows = await self.databases.as_superuser("SELECT kind, key FROM storage.work ORDER BY kind, key")
        return [f"{row['kind']} {row['key'].rpartition('/')[2]}" for row in rows]

    async def holding(self, holding_id: UUID) -> Holding:
        async with self.database.reading() as connection:
            found = await holdings.newest(connection, holding_id)
        assert found is not None
        return found

    async def copies(self, holding_id: UUID, version: int | None = None) -> dict[str, Copy]:
        async with self.database.reading() as connection:
            found = await holdings.with_copies(connection, holding_id, version)
        assert found is not None
        return {copy.site: copy for copy in found[1]}

    async def told(self, kind: type[M]) -> list[M]:
        query = select(outbox.c.body).where(outbox.c.topic == kind.topic).order_by(outbox.c.message_id)
        async with self.database.reading() as connection:
            return [kind.model_validate_json(body) for body in await connection.scalars(query)]

    async def lines(self, action: str) -> list[JournalLineV1]:
        batches = await self.told(JournalLinesV1)
        return [line for batch in batches for line in batch.lines if line.action == action]

    async def kept(self, site: str, key: str, version_id: str | None = None) -> bytes:
        store = self.sites[site].store
        return b"".join([chunk async for chunk in await store.open_range(key, version_id)])

    def file(self, site: str, key: str) -> Path:
        path = self.sites[site].store.path_of(key)
        assert path is not None
        return path


def an_announcement(aip_id: UUID, content: bytes) -> AipBuiltV1:
    return AipBuiltV1(
        aip_id=aip_id,
        transfer_id=new_id(),
        establishment=new_id(),
        staging_key=f"aips/{aip_id}",
        sha512=sha512_of(content),
        size=len(content),
        catalogue=MemberV1(offset=10, length=20, sha512=sha512_of(content[10:30])),
    )


def spoil(path: Path) -> None:
    """Flip one bit of a file, as a disk may."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    overwrite(path, bytes(content))


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(content)
