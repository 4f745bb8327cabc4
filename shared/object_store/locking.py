"""A lock lasts at least as long as is wanted: no store takes an earlier end than the one it has."""

from shared.object_store.keeping import SiteStore
from shared.object_store.port import Retention


async def lock_at_least(store: SiteStore, key: str, version_id: str | None, wanted: Retention | None) -> None:
    """Lock a version until `wanted` at least; what is locked for longer stays so, and None asks for nothing.

    Every store refuses an earlier end (`ObjectLocked`), also where the window was made shorter since.
    """
    if wanted is None:
        return
    found = (await store.stat(key, version_id)).retention
    if found is None or found.until < wanted.until:
        await store.renew(key, version_id, wanted)
