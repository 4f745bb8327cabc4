"""Proof beside the real storage: an AIP on two folders, gathered, recorded, receipted, sealed; what is said of it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import SecretStr

from services.local.ports import free_ports
from services.proof.gathering import GATHER, Gatherer, take_packages
from services.proof.handlers import QUEUE, keep_lines
from services.proof.receipts import ISSUE, Issuer, take_accepted
from services.proof.stating import STATE, Examiner, Stater
from services.storage import api, rereading_api
from services.storage.api import Storage
from services.storage.settings import SiteSettings, StorageSettings
from services.storage.sites import open_sites
from services.storage.space import site_spaces
from shared.calls import RoomCalls
from shared.messages.ingest import TransferCompletedV1
from shared.messages.journal import TRANSFER_ACCEPTED, JournalLinesV1
from shared.messages.storage import AipStoredV1
from shared.messaging.consumer import Consumer
from shared.messaging.lease import Lane
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import lease
from shared.object_store.filesystem import FilesystemStore
from shared.readiness import Readiness
from shared.settings import RoomSettings
from shared.web import room_app
from tests.builders.aip_shelf import listening
from tests.builders.callers import SECRET, a_verifier
from tests.builders.journal import a_line
from tests.integration.proof.seals import EMPTY, Hands, Telling, hands, nothing_to_adopt
from tests.integration.storage.conftest import EMPTY as EMPTY_STORAGE
from tests.integration.storage.depot import Depot
from tests.integration.storage.test_restore_tests import AIP, stored
from tests.servers import Databases

__all__ = ["AIP", "Stand", "a_stand"]


@dataclass
class Stand:
    """All of it, for one AIP of one town."""

    databases: Databases
    database: RoomDatabase
    depot: Depot
    calls: RoomCalls
    ours: Hands
    tell: Telling
    told: AipStoredV1

    @property
    def town(self) -> UUID:
        return self.told.establishment

    @property
    def gatherer(self) -> Gatherer:
        return Gatherer(self.database, self.calls)

    @property
    def examiner(self) -> Examiner:
        return Examiner(self.database, self.calls, self.gatherer, self.ours.stamper.anchors)

    @property
    def stater(self) -> Stater:
        return Stater(self.database, (self.examiner, self.ours.signer), lambda: None, probative=False)

    async def gather(self) -> None:
        """Have proof hear that it is stored, and read what it is made of."""
        async with self.database.begin() as tx:
            await take_packages(tx, [self.told])
        for held in await lease(self.database, [GATHER], 10, lane=Lane.BACKGROUND):
            await self.gatherer.gather(held)

    async def accept(self) -> None:
        """Have the deposit recorded, accepted and receipted."""
        transfer, details = self.told.transfer_id, {"aip": str(AIP), "aip_sha512": self.told.sha512}
        lines = [
            a_line(action, establishment=self.town, transfer=transfer)
            for action in ("transfer.received", TRANSFER_ACCEPTED)
        ]
        await self.tell(lines[0], lines[1].model_copy(update={"details": {**details, "units": 3, "objects": 2}}))
        message = TransferCompletedV1(
            transfer_id=transfer, establishment=self.town, aip_id=AIP, finding_codes=(), reply_key="r"
        )
        async with self.database.begin() as tx:
            await take_accepted(tx, [message])
        issuer = Issuer(self.database, self.ours.signer, lambda: None, nothing_to_adopt, probative=False)
        for held in await lease(self.database, [ISSUE], 10, lane=Lane.BACKGROUND):
            await issuer.issue(held)

    async def prove(self) -> None:
        """All that is ever done of a package, to its seal."""
        await self.gather()
        await self.accept()
        await self.ours.seal()

    async def checks(self) -> list[Mapping[str, Any]]:
        """Look at everything again."""
        return [one.told() for one in (await self.examiner.examine(AIP, 1)).checks]

    async def make_statements(self) -> int:
        """Make the statements that were asked for; return how many there were."""
        held = await lease(self.database, [STATE], 10)
        for one in held:
            await self.stater.state(one)
        return len(held)

    async def path_of(self, site: str) -> Path:
        """Return the file of a copy."""
        path = self.depot.sites[site].store.path_of((await self.depot.copies(AIP))[site].key)
        assert isinstance(path, Path)
        return path


def found(checks: list[Mapping[str, Any]], outcome: str) -> list[tuple[str, str]]:
    """Return which checks came to an outcome, each with its source."""
    return [(one["check"], one["source"]) for one in checks if one["verdict"] == outcome]


@asynccontextmanager
async def a_stand(databases: Databases, root: Path) -> AsyncIterator[Stand]:
    """Put the golden AIP on two folders, and serve storage as it is while the block lasts."""
    await databases.as_superuser(EMPTY)
    await databases.as_superuser(EMPTY_STORAGE)
    declared = tuple(
        SiteSettings(name=name, kind="filesystem", place=place, path=str(root / f"site-{name}"))
        for name, place in {"a": "Rennes, salle A", "b": "Brest, salle B"}.items()
    )
    staging, ours, sites = FilesystemStore(root / "staging"), FilesystemStore(root / "proof"), open_sites(declared)
    for store in (staging, ours, *(site.store for site in sites.values())):
        await store.prepare()
    own = StorageSettings(sites=declared, staging_url=(root / "staging").as_uri())
    depot = Depot(databases, databases.room("storage"), sites, staging, own)
    await stored(depot)
    (told,) = await depot.told(AipStoredV1)
    database, (port,) = databases.room("proof"), free_ports(1)
    settings = RoomSettings(
        database_url=SecretStr(databases.url("proof")),
        internal_secret=SecretStr(SECRET),
        base_url=f"http://127.0.0.1:{port}",
    )
    calls = RoomCalls(settings, "proof")
    consumer = Consumer(QUEUE, database, {JournalLinesV1: keep_lines})
    async with listening(_storage(depot), port):
        yield Stand(databases, database, depot, calls, hands(database, ours), Telling(consumer), told)
        await calls.close()
    for store in (staging, ours, *(site.store for site in sites.values())):
        await store.close()
    await database.engine.dispose()
    await depot.database.engine.dispose()


def _storage(depot: Depot) -> Any:  # noqa: ANN401 (an application)
    router = APIRouter()
    for each in (api.router, rereading_api.router):
        router.include_router(each)
    app = room_app("storage", router, a_verifier(), Readiness("storage"), _nothing)
    app.state.storage = Storage(depot.database, depot.sites, site_spaces(depot.database, depot.sites))
    return app


async def _nothing() -> None: ...
