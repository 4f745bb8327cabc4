"""The sites of this installation, opened from their declarations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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


def open_sites(declared: Iterable[SiteSettings]) -> Mapping[str, OpenSite]:
    """Open every declared site, by name; nothing is asked of them yet.

    Raises `UnsafeSitesError` for sites that cannot carry an archive.
    """
    opened = [OpenSite(settings.site, _store(settings)) for settings in declared]
    require_safe_sites([one.site for one in opened])
    return {one.site.name: one for one in opened}


def _store(declared: SiteSettings) -> SiteStore:
    allowance = Allowance(declared.reserve_bytes, declared.quota_bytes)
    if declared.kind == "filesystem":
        return FilesystemSite(Path(declared.path or ""), allowance)
    return S3Site(bucket_of(declared), allowance)


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
