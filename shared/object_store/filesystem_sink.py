"""Where a filesystem store's writer puts its bytes until they have their key."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from shared.checksums import MIB, Measure
from shared.object_store import durable_files
from shared.object_store.port import Receipt
from shared.object_store.threads import Threads

# (descriptor, temporary file, size, digest) -> receipt
Publish: TypeAlias = Callable[[int, Path, int, Callable[[], str]], Receipt]


class FileSink:
    """A temporary file, opened when the first bytes come."""

    block_size = MIB

    def __init__(self, root: Path, key: str, publish: Publish, threads: Threads) -> None:
        self._root = root
        self._key = key
        self._publish = publish
        self._threads = threads
        self._file: tuple[int, Path] | None = None
        self._over = False
        # A cancelled upload is discarded while its last block may still be on its way in another thread:
        # without the lock that block could land in a stranger's file that was given the same descriptor.
        self._lock = threading.Lock()

    async def append(self, block: bytes) -> None:
        """Write the next block."""
        await self._threads.short(self._append, block)

    def _append(self, block: bytes) -> tuple[int, Path] | None:
        with self._lock, durable_files.store_errors(self._root, self._key):
            if self._over:
                return None
            if self._file is None:
                self._file = durable_files.create_temporary(self._root)
            durable_files.write_all(self._file[0], block)
            return self._file

    async def publish(self, last: bytes, measure: Measure) -> Receipt:
        """Make the file durable under its key."""
        # Only what is already on the medium is quick to fsync; a big file's pages may not be.
        lane = self._threads.short if measure.size <= 8 * MIB else self._threads.long
        return await lane(self._finish, last, measure)

    def _finish(self, last: bytes, measure: Measure) -> Receipt:
        file = self._append(last)
        if file is None:
            raise RuntimeError(f"{self._key}: committed after it was given up")
        try:
            with self._lock, durable_files.store_errors(self._root, self._key):
                return self._publish(*file, measure.size, lambda: measure.sha512)
        finally:
            self._discard()

    async def discard(self) -> None:
        """Remove the temporary file."""
        await self._threads.short(self._discard)

    def _discard(self) -> None:
        with self._lock:
            self._over = True
            if self._file is not None:
                durable_files.discard(*self._file)
                self._file = None
