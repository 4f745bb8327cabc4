"""What lies on a site, owner by owner, kind by kind, each listed once and never held whole."""

from collections.abc import AsyncIterator

from services.storage.domain.key_names import PLATFORM, Named, named_by
from shared.object_store.keeping import SiteStore, Version

# The character after the slash: whatever lies under a folder sorts before it.
_BEHIND = "0"


async def owners(store: SiteStore) -> AsyncIterator[str]:
    """Yield the folders at the top of a site: the platform's first, whose journals tell of all the other containers.

    One listing each, begun behind the folder before.
    """
    yield PLATFORM
    after = ""
    while (found := await first(store, after)) is not None:
        owner = found.partition("/")[0]
        if owner != PLATFORM:
            yield owner
        after = owner + _BEHIND


async def first(store: SiteStore, after: str = "") -> str | None:
    """Return the first key of a site behind another; None where there is none. Raises what the store raises."""
    listing = store.listed(after=after)
    async for version in listing:
        return version.key
    return None


async def shelf(store: SiteStore, prefix: str) -> AsyncIterator[tuple[Version, Named | None]]:
    """Yield what lies under a prefix in the order of keys, with what it is; None for what we would not call so."""
    async for version in store.listed(prefix):
        yield version, named_by(version.key)
