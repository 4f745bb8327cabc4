"""Storage with its sites: two folders, or two buckets of a real SeaweedFS with versions and locks."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from services.local import seaweedfs
from services.local.postgres import Postgres
from services.storage.settings import SiteSettings, StorageSettings
from services.storage.sites import open_sites
from shared.object_store.filesystem import FilesystemStore
from tests.integration.storage.depot import Depot
from tests.integration.storage.purge_desk import PurgeDesk, with_purger
from tests.servers import Databases, fresh

PLACES = {"a": "Rennes, salle A", "b": "Brest, salle B"}

OpenDepot = Callable[[str], Awaitable[Depot]]


@pytest.fixture(scope="session")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("storage",))


def two_folders(root: Path) -> tuple[SiteSettings, ...]:
    return tuple(
        SiteSettings(name=name, kind="filesystem", place=place, path=str(root / f"site-{name}"))
        for name, place in PLACES.items()
    )


def two_buckets(site: seaweedfs.Site) -> tuple[SiteSettings, ...]:
    declared = {
        "kind": "s3",
        "endpoint": site.endpoint,
        "access_key": site.access_key,
        "secret_key": site.secret_key,
        "secure": False,
        "lock_mode": "GOVERNANCE",
    }
    return tuple(
        SiteSettings.model_validate({**declared, "name": name, "place": place, "bucket": f"depot-{name}"})
        for name, place in PLACES.items()
    )


@pytest.fixture
async def open_depot(
    databases: Databases, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[OpenDepot]:
    """Open a storage on `folders` or on `buckets`, with nothing in it."""
    await databases.as_superuser(
        """TRUNCATE storage.holding, storage.copy, storage.usage, storage.outbox, storage.inbox, storage.work,
                    storage.journal_head, storage.restore_test, storage.purge_order"""
    )
    opened: list[Depot] = []

    async def depot(kind: str) -> Depot:
        declared = two_folders(tmp_path) if kind == "folders" else two_buckets(request.getfixturevalue("seaweed"))
        staging = FilesystemStore(tmp_path / "staging")
        sites = open_sites(declared)
        for store in (staging, *(site.store for site in sites.values())):
            await store.prepare()
        settings = StorageSettings(sites=declared, staging_url=(tmp_path / "staging").as_uri(), retention_days=1)
        opened.append(Depot(databases, databases.room("storage"), sites, staging, settings))
        return opened[-1]

    yield depot
    for one in opened:
        for store in (one.staging, *(site.store for site in one.sites.values())):
            await store.close()
        await one.database.engine.dispose()


@pytest.fixture
async def depot(open_depot: OpenDepot) -> Depot:
    """Storage on two folders."""
    return await open_depot("folders")


OpenDesk = Callable[[str], Awaitable[PurgeDesk]]


@pytest.fixture
def desk(depot: Depot) -> PurgeDesk:
    """A storage on two folders that purges."""
    return PurgeDesk(depot)


@pytest.fixture
async def open_desk(open_depot: OpenDepot) -> AsyncIterator[OpenDesk]:
    """Open a storage that purges, on `folders` or on `buckets` of which the purger's keys lift the locks."""
    opened: list[PurgeDesk] = []

    async def desk(kind: str) -> PurgeDesk:
        opened.append(PurgeDesk(with_purger(await open_depot(kind))))
        return opened[-1]

    yield desk
    for one in opened:
        for site in one.depot.sites.values():
            if site.purges is not None:
                await site.purges.close()
