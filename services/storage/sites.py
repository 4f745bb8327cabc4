"""The sites of this installation, opened from their declarations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from services.storage.domain.sites import Site, require_safe_sites
from services.storage.settings import SiteSettings
from shared.object_store.filesystem_site import FilesystemSite
from shared.object_store.keeping import SiteStore
from shared.object_store.s3_site import S3Site
from shared.object_store.s3_wire import Bucket
from shared.object_store.space import Allowance


@dataclass(frozen=True, slots=True)
class OpenSite:
    """A declared site, and the store that keeps its bytes."""

    site: Site
    store: SiteStore
    purges: SiteStore | None = None

    def purger(self) -> SiteStore:
        """Return the store as whoever deletes on order sees it; without keys of its own, it is the store itself."""
        return self.purges or self.store


def open_sites(declared: Iterable[SiteSettings]) -> Mapping[str, OpenSite]:
    """Open every declared site, by name; nothing is asked of them yet.

    Raises `UnsafeSitesError` for sites that cannot carry an archive.
    """
    opened = [OpenSite(settings.site, _store(settings), _purger(settings)) for settings in declared]
    require_safe_sites([one.site for one in opened])
    return {one.site.name: one for one in opened}


def stores_of(sites: Iterable[OpenSite]) -> list[SiteStore]:
    """Return every store that was opened for sites, to be closed."""
    return [store for one in sites for store in (one.store, one.purges) if store is not None]


def _store(declared: SiteSettings) -> SiteStore:
    allowance = Allowance(declared.reserve_bytes, declared.quota_bytes)
    if declared.kind == "filesystem":
        return FilesystemSite(Path(declared.path or ""), allowance)
    return S3Site(bucket_of(declared), allowance)


def _purger(declared: SiteSettings) -> SiteStore | None:
    if declared.kind == "filesystem" or declared.purger_access_key is None or declared.purger_secret_key is None:
        return None
    own, secret = declared.purger_access_key, declared.purger_secret_key.get_secret_value()
    return S3Site(replace(bucket_of(declared), access_key=own, secret_key=secret), purger=True)


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
