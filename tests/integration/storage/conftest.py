"""Storage with its sites: two folders, or two buckets of a real SeaweedFS with versions and locks."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from services.local import seaweedfs
from services.local.postgres import Postgres
from services.storage.settings import SiteSettings, StorageSettings
from services.storage.sites import OpenSite, open_sites
from shared.object_store.filesystem import FilesystemStore
from shared.object_store.filesystem_site import FilesystemSite
from tests.integration.storage.depot import Depot
from tests.integration.storage.purge_desk import PurgeDesk
from tests.servers import Databases, fresh

PLACES = {"a": "Rennes, salle A", "b": "Brest, salle B"}

EMPTY = """TRUNCATE storage.holding, storage.copy, storage.site, storage.usage, storage.outbox, storage.inbox,
                    storage.work, storage.journal_head, storage.restore_test, storage.audit_hand, storage.audit_round,
                    storage.audit_run, storage.audit_part, storage.audit_item, storage.purge_order"""

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
    """Two buckets as an operator makes them for storage, which may make none."""
    for name in PLACES:
        seaweedfs.ensure_bucket(site.client(), f"depot-{name}")
    declared = {
        "kind": "s3",
        "endpoint": site.endpoint,
        "access_key": site.service.access_key,
        "secret_key": site.service.secret_key,
        "purger_access_key": site.purger.access_key,
        "purger_secret_key": site.purger.secret_key,
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
    await databases.as_superuser(EMPTY)
    opened: list[Depot] = []

    async def depot(kind: str) -> Depot:
        declared = two_folders(tmp_path) if kind == "folders" else two_buckets(request.getfixturevalue("seaweed"))
        staging = FilesystemStore(tmp_path / "staging")
        sites = open_sites(declared)
        for store in (staging, *(site.store for site in sites.values())):
            await store.prepare()
        staged = (tmp_path / "staging").as_uri()
        settings = StorageSettings(
            sites=declared, staging_url=staged, retention_days=2, audit_period_days=1, audit_share=1.0
        )
        opened.append(Depot(databases, databases.room("storage"), sites, staging, settings))
        return opened[-1]

    yield depot
    for one in opened:
        for store in (one.staging, *(site.store for site in one.sites.values())):
            await store.close()
        await one.database.engine.dispose()


@pytest.fixture
async def third(tmp_path: Path) -> AsyncIterator[OpenSite]:
    """A third site, in a folder, declared by whoever adds it."""
    declared = SiteSettings(name="c", kind="filesystem", place="Nantes", path=str(tmp_path / "site-c"))
    opened = OpenSite(declared.site, FilesystemSite(Path(declared.path or "")))
    await opened.store.prepare()
    yield opened
    await opened.store.close()


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
def open_desk(open_depot: OpenDepot) -> OpenDesk:
    """Open a storage that purges, on `folders` or on `buckets` whose purgers' keys pass governance locks."""

    async def desk(kind: str) -> PurgeDesk:
        return PurgeDesk(await open_depot(kind))

    return desk
