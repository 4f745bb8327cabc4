"""What a site's store promises beyond any other: that what it keeps stays, and goes on order only.

    put ──▶ renew, hold …        the recorded version, which every read names
             put_over            the same key again, after a loss: what lies there stays where a store has versions
             topmost             what a stranger's read would find under the key
             listed, versions    for audits and rebuilds, never on the way of a deposit
             hidden              for rebuilds: what `listed` no longer gives, and is there
             purge               every version of a key, proven gone; for a store opened as the purger

Only archival storage opens its stores as these.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.object_store.port import ObjectFacts, ObjectStore, Receipt, Retention, Source


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a key as the store lists it; a marker has no bytes and hides what was there before it.

    `version_id` is None where a key can hold one version only. `size` is in bytes, 0 for a marker.
    """

    key: str
    version_id: str | None
    size: int
    modified_at: datetime
    newest: bool = True
    marker: bool = False


class SiteStore(ObjectStore, Protocol):
    """One site's store. No call blocks the event loop; errors are those of `shared.object_store.errors`.

    `put` with a retention ends with a version that is locked for as long at least, also one that lay there before.
    """

    async def renew(self, key: str, version_id: str | None, retention: Retention) -> None:
        """Lock a version until a later moment. The store refuses an earlier one with `ObjectLocked`."""
        ...

    async def hold(self, key: str, version_id: str | None, *, held: bool) -> None:
        """Place a version under legal hold, or release it; `StoreMisconfigured` where a store has no locks."""
        ...

    async def is_held(self, key: str, version_id: str | None) -> bool:
        """Say whether a version is under legal hold."""
        ...

    async def put_over(
        self, key: str, source: Source, *, size: int, sha512: str, retention: Retention | None = None
    ) -> Receipt:
        """Put the right bytes where a copy was lost, whatever lies under the key.

        `size` and `sha512` are verified before anything changes. On a folder the bad file is set aside first; a
        bucket gets a version more. Called again after a crash it may write once more.
        """
        ...

    async def topmost(self, key: str) -> ObjectFacts | None:
        """Say what who names no version would be given; None where that is nothing (absent, or hidden)."""
        ...

    def listed(self, prefix: str = "", after: str = "") -> AsyncIterator[Version]:
        """List what lies under a prefix in the order of keys, the newest version of each, from behind `after` on.

        Neither markers nor what is hidden by one. The order is that of the keys' bytes, among folders of which no
        name begins with another's: there stores differ.
        """
        ...

    def hidden(self, prefix: str = "") -> AsyncIterator[str]:
        """Yield the keys under a prefix on which a marker lies, in no order; of some nothing else may be left."""
        ...

    async def folders(self) -> list[str]:
        """Return the folders at the top in order, of which all may be hidden; there are as many as establishments."""
        ...

    async def versions(self, key: str) -> list[Version]:
        """Return every version and marker of a key, newest first; empty when nothing at all is left."""
        ...

    async def tidy(self) -> int:
        """Remove what writers that died two days ago or earlier left half written; return how much it was."""
        ...

    async def purge(self, key: str) -> None:
        """Remove every version and marker of a key, and prove that none is left.

        `ObjectLocked` where a retention or a hold still forbids it: what could go has gone, and a later call goes
        on. Harmless on a key of which nothing is left.
        """
        ...
