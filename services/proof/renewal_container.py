"""A renewal as it leaves for the sites: one TAR, whose bytes follow from committed rows (docs/proof-format.md)."""

from collections.abc import AsyncIterator

from services.proof import renewal_queries as queries
from services.proof import tree_queries
from services.proof.domain.renewals import TREE
from services.proof.renewal_queries import Renewal
from services.proof.seal_container import entry, padding
from shared.messaging.transaction import RoomDatabase
from shared.packaging.tar import BLOCK, entry_header


async def renewal_content(database: RoomDatabase, number: int) -> AsyncIterator[bytes]:
    """Return the container of a renewal; raises `LookupError` where there is none, or no token yet."""
    async with database.reading() as connection:
        found = await queries.find(connection, number)
    if found is None or found.token is None:
        raise LookupError(f"renewal {number} is not stamped")
    return _container(database, found, found.token)


async def _container(database: RoomDatabase, made: Renewal, token: bytes) -> AsyncIterator[bytes]:
    mtime = int(made.at.timestamp())
    for name, content in (("renewal.json", made.body), ("leaves.ndjson", made.rows)):
        yield entry(name, content, mtime)
    if made.kind == TREE:
        async for chunk in _members(database, made.number, mtime):
            yield chunk
    for name, content in (("token.tst", token), ("signature.jws", made.signature.encode())):
        yield entry(name, content, mtime)
    yield bytes(2 * BLOCK)


async def _members(database: RoomDatabase, number: int, mtime: int) -> AsyncIterator[bytes]:
    async with database.snapshot() as connection:
        size = await tree_queries.members_size(connection, number)
        yield entry_header("members.bin", size, mtime)
        async for digests in tree_queries.members(connection, number):
            yield digests
        yield padding(size)
