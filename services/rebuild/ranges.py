"""Ranges of one object on a site, what was read first kept at hand: of a small AIP all that a rebuild needs."""

from collections.abc import AsyncIterator

from services.storage.pipeline.package_head import FIRST_BYTES, Head, read_head
from shared.checksums import MIB
from shared.object_store.keeping import SiteStore


class Ranges:
    """One object, read by ranges; errors are those of the store."""

    def __init__(self, store: SiteStore, key: str, version_id: str | None, size: int) -> None:
        self._store = store
        self._key = key
        self._version_id = version_id
        self._size = size
        self._first = b""

    @property
    def whole(self) -> bytes | None:
        """Return all of it where the first read took it all in."""
        return self._first if len(self._first) == self._size else None

    async def head(self, root: str) -> Head:
        """Return where in an AIP its parts lie. Raises `UnreadablePackage`."""
        self._first = await self._fetch(0, min(FIRST_BYTES, self._size))
        reading = read_head(root, self._size)
        wanted = next(reading)
        while True:
            given = await self.read(*wanted)
            try:
                wanted = reading.send(given)
            except StopIteration as done:
                head: Head = done.value
                return head

    async def read(self, offset: int, length: int) -> bytes:
        """Return a range that is small."""
        if offset + length <= len(self._first):
            return self._first[offset : offset + length]
        return await self._fetch(offset, length)

    async def chunks(self, offset: int, length: int) -> AsyncIterator[bytes]:
        """Yield a range bit by bit."""
        if offset + length <= len(self._first):
            yield self._first[offset : offset + length]
            return
        for at in range(offset, offset + length, MIB):
            yield await self._fetch(at, min(MIB, offset + length - at))

    async def _fetch(self, offset: int, length: int) -> bytes:
        return b"".join(
            [chunk async for chunk in await self._store.open_range(self._key, self._version_id, offset, length)]
        )
