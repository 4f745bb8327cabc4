"""What lies on a site, owner by owner, kind by kind, each listed once and never held whole."""

from collections.abc import AsyncIterator

from services.storage.domain.key_names import PLATFORM, Named, named_by
from shared.object_store.keeping import SiteStore, Version


async def owners(store: SiteStore) -> AsyncIterator[str]:
    """Yield the folders at the top of a site: the platform's first, whose journals tell of all the other containers.

    One of which a marker hides all is among them. Raises what the store raises.
    """
    yield PLATFORM
    for owner in await store.folders():
        if owner != PLATFORM:
            yield owner


async def shelf(store: SiteStore, prefix: str) -> AsyncIterator[tuple[Version, Named | None]]:
    """Yield what lies under a prefix in the order of keys, with what it is; None for what we would not call so."""
    async for version in store.listed(prefix):
        yield version, named_by(version.key)
