"""The versions of a key, as whoever looks for one among them goes through them."""

from shared.object_store.keeping import SiteStore, Version

MOST_VERSIONS = 16
"""Of a key: the oldest are looked at, and what a thief has put there comes behind them."""


async def candidates(store: SiteStore, key: str) -> list[Version]:
    """Return the versions of a key that can be read, the oldest first. Errors are the store's."""
    # What a folder has set aside bears no version id, and can be asked for by nobody.
    found = [one for one in await store.versions(key) if not one.marker and (one.version_id or one.newest)]
    return found[::-1][:MOST_VERSIONS]


async def version_of(store: SiteStore, key: str, sha512: str) -> Version | None:
    """Return the oldest version with these bytes; None where none has them. Errors are the store's.

    A key with one version is not read: whoever reads it holds it to the digest.
    """
    found = await candidates(store, key)
    if len(found) == 1:
        return found[0]
    for one in found:
        if (await store.sha512(key, one.version_id)).sha512 == sha512:
            return one
    return None
