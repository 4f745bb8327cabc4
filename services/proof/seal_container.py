"""A seal as it leaves for the sites: one TAR, whose bytes follow from committed rows (docs/proof-format.md)."""

from collections.abc import AsyncIterator, Callable

from services.proof import seal_queries as queries
from services.proof.domain.sealing import Package
from services.proof.seal_queries import Seal
from shared.messaging.transaction import RoomDatabase
from shared.packaging.tar import BLOCK, entry_header

PartOf = Callable[[Package], bytes]


async def container(database: RoomDatabase, seal: Seal) -> AsyncIterator[bytes]:
    """Yield the bytes of a stamped seal's container. Packages are read once for the sizes, once for each table."""
    if seal.token is None:
        raise AssertionError(f"seal {seal.number} is not stamped")
    mtime = int(seal.at.timestamp())
    for name, content in (("seal.json", seal.body), ("heads.ndjson", seal.heads)):
        yield entry(name, content, mtime)
    tables: tuple[tuple[str, PartOf], ...] = (
        ("deposits.ndjson", lambda package: package.row),
        ("members.bin", lambda package: package.digests),
    )
    sizes = await _sizes(database, seal.number, [part for _, part in tables])
    for (name, part), size in zip(tables, sizes, strict=True):
        yield entry_header(name, size, mtime)
        async for chunk in _parts(database, seal.number, part):
            yield chunk
        yield padding(size)
    for name, content in (("token.tst", seal.token), ("signature.jws", seal.signature.encode())):
        yield entry(name, content, mtime)
    yield bytes(2 * BLOCK)


def entry(name: str, content: bytes, mtime: int) -> bytes:
    """Return a member of a container, whole."""
    return entry_header(name, len(content), mtime) + content + padding(len(content))


def padding(size: int) -> bytes:
    """Return what follows a member of `size` bytes."""
    return bytes(-size % BLOCK)


async def _sizes(database: RoomDatabase, number: int, parts: list[PartOf]) -> list[int]:
    sizes = [0] * len(parts)
    async with database.snapshot() as connection:
        async for package in queries.packages(connection, number):
            sizes = [size + len(part(package)) for size, part in zip(sizes, parts, strict=True)]
    return sizes


async def _parts(database: RoomDatabase, number: int, part: PartOf) -> AsyncIterator[bytes]:
    async with database.snapshot() as connection:
        async for package in queries.packages(connection, number):
            yield part(package)
