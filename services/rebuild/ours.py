"""Which version under a key is ours: whoever has keys to a bucket may lay others on top, or hide all of them (S3).

Of what a line tells, the line names the version. Otherwise ours is the oldest that somebody answers for: a locked
version stays, and what a thief writes comes after it.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.rebuild.house import House
from services.rebuild.vouching import Vouched, vouched
from services.storage.domain.key_names import Named, named_by
from shared.object_store.errors import NoSuchObject
from shared.object_store.keeping import SiteStore, Version
from shared.object_store.versions import candidates


@dataclass(frozen=True, slots=True)
class Ours:
    """The version of a key of which no line tells that is taken for ours; `by` says who answers for it."""

    version: Version
    sha512: str
    by: Vouched


async def ours(house: House, key: str) -> Ours:
    """Return the oldest version that somebody answers for, or the oldest of all. Raises what the store raises."""
    oldest: Ours | None = None
    for one in await candidates(house.store, key):
        found = await house.store.sha512(key, one.version_id)
        by = await vouched(house, key, found.sha512)
        if by.by in ("database", "site"):
            return Ours(one, found.sha512, by)
        oldest = oldest or Ours(one, found.sha512, by)
    if oldest is None:
        raise NoSuchObject(f"no version of {key} is left")
    return oldest


async def hidden(store: SiteStore, prefix: str) -> AsyncIterator[tuple[Version, Named | None]]:
    """Yield what a marker hides under a prefix, each in its oldest version; nothing of what has gone altogether."""
    async for key in store.hidden(prefix):
        for oldest in (await candidates(store, key))[:1]:
            yield oldest, named_by(key)
