"""What a test of repairs does: harm a copy, find it as an audit does, do the work of the background hands."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from services.storage import recording
from services.storage.domain.copies import CopyState, read_back
from services.storage.handlers import VERIFY, WRITE
from services.storage.recording import Step
from services.storage.sources import measured
from shared.checksums import sha512_of
from shared.clock import now
from shared.identifiers import new_id
from shared.messages.ingest import AipBuiltV1
from shared.messaging.lease import Lane, Lease, Piece
from shared.messaging.work import enqueue, lease
from tests.integration.storage.depot import Depot, overwrite

CONTENT = b"the bytes of an AIP\n" * 5000
OTHER = b"the bytes of another\n" * 4000

Damage = Callable[[Depot, str, str], Awaitable[None]]


async def flip(depot: Depot, site: str, key: str) -> None:
    await put_instead(depot, site, key, CONTENT[:500] + bytes([CONTENT[500] ^ 1]) + CONTENT[501:])


async def truncate(depot: Depot, site: str, key: str) -> None:
    await put_instead(depot, site, key, CONTENT[:-100])


async def swap(depot: Depot, site: str, key: str) -> None:
    await put_instead(depot, site, key, OTHER)


async def remove(depot: Depot, site: str, key: str) -> None:
    path = depot.sites[site].store.path_of(key)
    if path is not None:
        path.unlink()
        return
    # As who holds the store's own keys may, past every lock: the very version is gone.
    await replaced_version(depot, site, key, None)


async def put_instead(depot: Depot, site: str, key: str, content: bytes) -> None:
    path = depot.sites[site].store.path_of(key)
    if path is not None:
        overwrite(path, content)
    else:
        await replaced_version(depot, site, key, content)


async def replaced_version(depot: Depot, site: str, key: str, content: bytes | None) -> None:
    """Have the recorded version name other bytes, or none, as a store that has lost track of its own would give."""
    version = "0" * 32
    if content is not None:
        over = await depot.sites[site].store.put_over(key, content, size=len(content), sha512=sha512_of(content))
        version = over.version_id or ""
    await depot.databases.as_superuser(
        """UPDATE storage.copy SET version_id = $1
           WHERE site = $2 AND holding = (SELECT id FROM storage.holding WHERE key = $3)""",
        *(version, site, key),
    )


async def stored(depot: Depot, content: bytes = CONTENT) -> AipBuiltV1:
    """Have an AIP stored, and its staged bytes gone as they go in the end."""
    message = await depot.hand_over(content)
    await depot.work_off()
    assert (await depot.holding(message.aip_id)).state == "stored"
    await depot.staging.delete(message.staging_key)
    return message


async def audit(depot: Depot, site: str, holding_id: UUID) -> None:
    """Read a copy back and note what it is, as an audit does."""
    async with depot.database.begin() as tx:
        await enqueue(tx, "audit", Piece(f"{site}/{holding_id}"))
    (held,) = await lease(depot.database, ["audit"], 1)
    holding, copy = await depot.holding(holding_id), (await depot.copies(holding_id))[site]
    found = await measured(depot.sites[site], holding, copy)
    judged = read_back(copy, found, new_id(), now())
    assert judged.state is CopyState.LOST
    async with depot.database.begin() as tx:
        await recording.note_lost(tx, [Step(held, holding, judged, found)])


async def repair(depot: Depot) -> None:
    """Do all background work there is, as its hands do."""
    for kind, act in ((WRITE, depot.keeper.write), (VERIFY, depot.keeper.verify)):
        for held in await background(depot, kind):
            await act(held)


async def background(depot: Depot, kind: str) -> list[Lease]:
    return await lease(depot.database, [kind], 100, lane=Lane.BACKGROUND)


async def states(depot: Depot, message: AipBuiltV1) -> dict[str, str]:
    return {site: copy.state.value for site, copy in (await depot.copies(message.aip_id)).items()}
