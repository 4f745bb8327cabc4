"""The sites of this installation, opened from their declarations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.storage.domain.sites import Site, SiteKind, require_safe_sites
from services.storage.settings import SiteSettings
from shared.object_store.errors import StoreMisconfigured
from shared.object_store.filesystem import FilesystemStore
from shared.object_store.port import LockMode, ObjectStore
from shared.object_store.s3 import S3Store
from shared.object_store.s3_wire import Bucket
from shared.object_store.space import Allowance


@dataclass(frozen=True, slots=True)
class OpenSite:
    """A declared site, and the store that keeps its bytes."""

    site: Site
    store: ObjectStore


def open_sites(declared: Iterable[SiteSettings]) -> Mapping[str, OpenSite]:
    """Open every declared site, by name; nothing is asked of them yet.

    Raises `UnsafeSitesError` for sites that cannot carry an archive, `StoreMisconfigured` for a bad declaration.
    """
    opened = [OpenSite(_site(settings), _store(settings)) for settings in declared]
    require_safe_sites([one.site for one in opened])
    return {one.site.name: one for one in opened}


def _site(declared: SiteSettings) -> Site:
    location = declared.path or f"{declared.endpoint}/{declared.bucket}"
    lock = None if declared.lock_mode == "none" else LockMode(declared.lock_mode)
    return Site(declared.name, SiteKind(declared.kind), declared.place, location, lock)


def _store(declared: SiteSettings) -> ObjectStore:
    allowance = Allowance(declared.reserve_bytes, declared.quota_bytes)
    if declared.kind == "filesystem":
        if not declared.path:
            raise StoreMisconfigured(f"site {declared.name}: a filesystem site has a path")
        return FilesystemStore(Path(declared.path), allowance)
    return S3Store(bucket_of(declared), allowance)


def bucket_of(declared: SiteSettings) -> Bucket:
    """Return the bucket of a site. Raises `StoreMisconfigured` where something is missing."""
    if not (declared.endpoint and declared.bucket and declared.access_key and declared.secret_key):
        raise StoreMisconfigured(f"site {declared.name}: endpoint, bucket, access_key and secret_key are needed")
    return Bucket(
        endpoint=declared.endpoint,
        name=declared.bucket,
        access_key=declared.access_key,
        secret_key=declared.secret_key.get_secret_value(),
        secure=declared.secure,
        region=declared.region,
        locked=declared.lock_mode != "none",
        checksum=declared.checksum,
    )
