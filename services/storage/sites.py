"""The sites of this installation, opened from their declarations."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from services.storage.domain.sites import Site, require_safe_sites
from services.storage.queries import amounts
from services.storage.settings import SiteSettings
from shared.database.outage import is_outage
from shared.messaging.transaction import RoomDatabase
from shared.object_store.errors import NoSuchObject
from shared.object_store.filesystem_site import FilesystemSite
from shared.object_store.keeping import SiteStore
from shared.object_store.opening import make_ready
from shared.object_store.s3_site import S3Site
from shared.object_store.s3_wire import Bucket
from shared.object_store.space import Allowance


@dataclass(frozen=True, slots=True)
class OpenSite:
    """A declared site, and the store that keeps its bytes."""

    site: Site
    store: SiteStore
    open_purger: Callable[[], SiteStore] | None = None

    @asynccontextmanager
    async def purger(self) -> AsyncIterator[SiteStore]:
        """Be who may delete there, for as long as a purge needs it.

        On a folder, and where no purger is declared, that is the store that everything else uses: it passes no lock,
        so a locked version waits for the end of its window.
        """
        if self.open_purger is None:
            yield self.store
            return
        store = self.open_purger()
        try:
            yield store
        finally:
            await store.close()


def open_sites(declared: Iterable[SiteSettings]) -> Mapping[str, OpenSite]:
    """Open every declared site, by name; nothing is asked of them yet.

    Raises `UnsafeSitesError` for sites that cannot carry an archive.
    """
    opened = [OpenSite(settings.site, _store(settings), _purger(settings)) for settings in declared]
    require_safe_sites([one.site for one in opened])
    return {one.site.name: one for one in opened}


def _store(declared: SiteSettings) -> SiteStore:
    allowance = Allowance(declared.reserve_bytes, declared.quota_bytes)
    if declared.kind == "filesystem":
        return FilesystemSite(Path(declared.path or ""), allowance)
    return S3Site(bucket_of(declared), allowance)


def _purger(declared: SiteSettings) -> Callable[[], SiteStore] | None:
    bucket = purgers_bucket_of(declared)
    if bucket is None:
        return None
    # Nobody passes a lock of compliance: there the key needs no right to, and does not ask.
    return partial(S3Site, bucket, bypass=declared.lock_mode == "GOVERNANCE")


def bucket_of(declared: SiteSettings) -> Bucket:
    """Return the bucket of an S3 site; its declaration has been checked."""
    return Bucket(
        endpoint=declared.endpoint or "",
        name=declared.bucket or "",
        access_key=declared.access_key or "",
        secret_key=declared.secret_key.get_secret_value() if declared.secret_key else "",
        secure=declared.secure,
        region=declared.region,
        locked=declared.lock_mode != "none",
        checksum=declared.checksum,
    )


def purgers_bucket_of(declared: SiteSettings) -> Bucket | None:
    """Return the same bucket as the purger opens it; None where no purger is declared."""
    if not declared.purger_access_key or not declared.purger_secret_key:
        return None
    secret = declared.purger_secret_key.get_secret_value()
    return replace(bucket_of(declared), access_key=declared.purger_access_key, secret_key=secret)


async def ready_site(database: RoomDatabase, opened: OpenSite) -> None:
    """Make a site fit for use; one that holds copies must be there already. Raises what `prepare` and `probe` do.

    Where a volume is not mounted there is its empty mount point: made a store, every copy would seem to be missing.
    While the database is away nobody knows which sites hold copies, and none is made.
    """
    try:
        async with database.reading() as connection:
            may_be_new = not (await amounts.usage(connection)).get(opened.site.name)
    except Exception as error:
        if not is_outage(error):
            raise
        may_be_new = False
    if not may_be_new:
        await opened.store.probe()
    await make_ready(opened.store)


async def is_there(store: SiteStore, key: str, version_id: str | None) -> bool:
    """Say whether a site has a version, whatever it lists. Raises what the store raises while it cannot tell."""
    try:
        await store.stat(key, version_id)
    except NoSuchObject:
        return False
    return True
