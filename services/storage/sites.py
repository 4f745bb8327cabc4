"""The sites of this installation, opened from their declarations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.storage.domain.sites import Site, require_safe_sites
from services.storage.settings import SiteSettings
from shared.object_store.filesystem import FilesystemStore
from shared.object_store.port import ObjectStore
from shared.object_store.s3 import S3Store
from shared.object_store.s3_wire import Bucket


@dataclass(frozen=True, slots=True)
class OpenSite:
    """A declared site, and the store that keeps its bytes."""

    site: Site
    store: ObjectStore


def open_sites(declared: Iterable[SiteSettings]) -> Mapping[str, OpenSite]:
    """Open every declared site, by name; nothing is asked of them yet.

    Raises `UnsafeSitesError` for sites that cannot carry an archive.
    """
    opened = [OpenSite(settings.site, _store(settings)) for settings in declared]
    require_safe_sites([one.site for one in opened])
    return {one.site.name: one for one in opened}


def _store(declared: SiteSettings) -> ObjectStore:
    if declared.kind == "filesystem":
        return FilesystemStore(Path(declared.path or ""))
    return S3Store(
        Bucket(
            endpoint=declared.endpoint or "",
            name=declared.bucket or "",
            access_key=declared.access_key or "",
            secret_key=declared.secret_key.get_secret_value() if declared.secret_key else "",
            secure=declared.secure,
            region=declared.region,
            locked=declared.lock_mode != "none",
            checksum=declared.checksum,
        )
    )
