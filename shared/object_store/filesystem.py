"""Objects as read-only files under one folder: a pilot's sites, and everybody's staging."""

import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from shared.checksums import MIB, Measure, measure_file, sha512_of
from shared.object_store import durable_files
from shared.object_store.errors import KeyTaken, NoSuchRange, StoreMisconfigured, StoreUnavailable, WrongBytes
from shared.object_store.filesystem_sink import FileSink
from shared.object_store.port import ObjectFacts, Receipt, Retention, Source, check_key
from shared.object_store.space import USUAL, Allowance, Held, Space, space_within
from shared.object_store.threads import Threads
from shared.object_store.writer import StreamWriter, receive

_SHORT_COPY = 8 * MIB


class FilesystemStore:
    """An `ObjectStore` in a folder; one version a key, no lock but the missing write permission."""

    def __init__(self, root: Path, allowance: Allowance = USUAL) -> None:
        self._root = root
        self._allowance = allowance
        self._threads = Threads(f"store-{root.name}")

    async def put(
        self,
        key: str,
        source: Source,
        *,
        size: int | None = None,
        sha512: str | None = None,
        retention: Retention | None = None,
    ) -> Receipt:
        """Keep the promise of `ObjectStore.put`; a retention is refused, since a folder could not keep it."""
        _refuse(retention)
        check_key(key)
        if isinstance(source, bytes):
            return await self._threads.short(self._put_bytes, key, source, size, sha512)
        if isinstance(source, AsyncIterable):
            return await receive(self._stream(key), source, size, sha512)
        lane = self._threads.short if size is not None and size <= _SHORT_COPY else self._threads.long
        return await lane(self._put_file, key, source, size, sha512)

    def _put_bytes(self, key: str, data: bytes, size: int | None, sha512: str | None) -> Receipt:
        digest = partial(sha512_of, data)
        if size not in (None, len(data)) or (sha512 is not None and digest() != sha512):
            raise WrongBytes(f"{key}: not the bytes that were announced")
        with durable_files.store_errors(self._root, key):
            return self._fill(key, len(data), partial(durable_files.write_all, data=data), digest)

    def _put_file(self, key: str, source: Path, size: int | None, sha512: str | None) -> Receipt:
        found = source.stat().st_size
        if size not in (None, found):
            raise WrongBytes(f"{key}: {size} bytes announced, the file has {found}")

        def digest() -> str:
            return sha512 or measure_file(source).sha512

        with durable_files.store_errors(self._root, key):
            if self._file(key).exists():
                return self.take_over(key, found, digest)
            return self._fill(key, found, partial(durable_files.copy_all, source, size=found), digest)

    async def adopt(self, key: str, path: Path, *, size: int, sha512: str) -> Receipt:
        """Keep the promise of `ObjectStore.adopt`."""
        check_key(key)
        lane = self._threads.short if size <= _SHORT_COPY else self._threads.long
        return await lane(self._adopt, key, path, size, sha512)

    def _adopt(self, key: str, path: Path, size: int, sha512: str) -> Receipt:
        if path.stat().st_size != size:
            raise WrongBytes(f"{key}: {size} bytes announced, the file has {path.stat().st_size}")
        if path.stat().st_dev != self._root.stat().st_dev:
            receipt = self._put_file(key, path, size, sha512)
            path.unlink()
            return receipt
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with durable_files.store_errors(self._root, key):
                return self.publish(key, descriptor, path, size, lambda: sha512)
        finally:
            durable_files.discard(descriptor, path)

    def scratch(self) -> Path:
        """Say where files to be adopted are made: on the store's own volume."""
        return self._root / durable_files.SCRATCH

    def _fill(self, key: str, size: int, fill: Callable[[int], None], digest: Callable[[], str]) -> Receipt:
        descriptor, temporary = durable_files.create_temporary(self._root)
        try:
            fill(descriptor)
            return self.publish(key, descriptor, temporary, size, digest)
        finally:
            durable_files.discard(descriptor, temporary)

    def publish(self, key: str, descriptor: int, temporary: Path, size: int, digest: Callable[[], str]) -> Receipt:
        """Give a temporary file its key, or recognise the same bytes (the digest is asked only then)."""
        try:
            durable_files.publish(descriptor, temporary, self._file(key), self._root)
        except FileExistsError:
            return self.take_over(key, size, digest)
        return Receipt(key, None, size)

    def take_over(self, key: str, size: int, digest: Callable[[], str]) -> Receipt:
        """Answer for an object that somebody else wrote under the key, if its bytes are the same.

        It is fsynced again: whoever wrote it may have died before that.
        """
        path = self._file(key)
        if durable_files.sync_existing(path) != size or measure_file(path).sha512 != digest():
            raise KeyTaken(f"{key} already holds other bytes")
        return Receipt(key, None, size, already_there=True)

    def writer(
        self,
        key: str,
        *,
        size: int | None = None,  # noqa: ARG002 - a folder needs no hint
        retention: Retention | None = None,
        also: tuple[str, ...] = (),
    ) -> StreamWriter:
        """Keep the promise of `ObjectStore.writer`."""
        _refuse(retention)
        return self._stream(check_key(key), also)

    def _stream(self, key: str, also: tuple[str, ...] = ()) -> StreamWriter:
        sink = FileSink(self._root, key, partial(self.publish, key), self._threads)
        return StreamWriter(sink, self._threads, also)

    async def open_range(
        self, key: str, version_id: str | None = None, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Keep the promise of `ObjectStore.open_range`."""
        _refuse_version(version_id)
        descriptor, count = await self._threads.short(self._open, key, offset, length)
        return self._chunks(key, descriptor, offset, count)

    def _open(self, key: str, offset: int, length: int | None) -> tuple[int, int]:
        with durable_files.store_errors(self._root, key):
            descriptor = os.open(self._file(key), os.O_RDONLY | os.O_CLOEXEC)
        size = os.fstat(descriptor).st_size
        count = size - offset if length is None else length
        if offset < 0 or count < 0 or offset + count > size:
            os.close(descriptor)
            raise NoSuchRange(f"{key} has {size} bytes; {count} from {offset} on were asked for")
        return descriptor, count

    async def _chunks(self, key: str, descriptor: int, offset: int, count: int) -> AsyncGenerator[bytes, None]:
        end = offset + count
        try:
            while offset < end:
                chunk = await self._threads.short(self._read, key, descriptor, min(MIB, end - offset), offset)
                offset += len(chunk)
                yield chunk
        finally:
            os.close(descriptor)

    def _read(self, key: str, descriptor: int, count: int, offset: int) -> bytes:
        with durable_files.store_errors(self._root, key):
            chunk = os.pread(descriptor, count, offset)
        if not chunk:
            raise StoreUnavailable(f"{key} ended before its size")
        return chunk

    async def stat(self, key: str, version_id: str | None = None) -> ObjectFacts:
        """Keep the promise of `ObjectStore.stat`."""
        _refuse_version(version_id)
        return await self._threads.short(self._stat, key)

    def _stat(self, key: str) -> ObjectFacts:
        with durable_files.store_errors(self._root, key):
            found = self._file(key).stat()
        return ObjectFacts(key, None, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    async def sha512(self, key: str, version_id: str | None = None, *, cold: bool = False) -> Measure:
        """Keep the promise of `ObjectStore.sha512`; `cold` drops the page cache of this file first."""
        _refuse_version(version_id)
        return await self._threads.long(self._measure, key, cold=cold)

    def _measure(self, key: str, *, cold: bool) -> Measure:
        with durable_files.store_errors(self._root, key):
            return durable_files.measure(self._file(key), cold=cold)

    async def fetch_to(self, key: str, path: Path, version_id: str | None = None) -> int:
        """Keep the promise of `ObjectStore.fetch_to`."""
        _refuse_version(version_id)
        return await self._threads.long(self._fetch, key, path)

    def _fetch(self, key: str, path: Path) -> int:
        with durable_files.store_errors(self._root, key):
            source = self._file(key)
            size = source.stat().st_size
        with path.open("xb", buffering=0) as target:
            durable_files.copy_all(source, target.fileno(), size)
        return size

    def path_of(self, key: str) -> Path | None:
        """Say where the object's file is, or would be."""
        return self._file(key)

    async def delete(self, key: str, version_id: str | None = None) -> None:
        """Keep the promise of `ObjectStore.delete`; the folder stays, others may be writing there."""
        _refuse_version(version_id)
        await self._threads.short(self._delete, key)

    def _delete(self, key: str) -> None:
        with durable_files.store_errors(self._root, key):
            self._file(key).unlink(missing_ok=True)

    async def prepare(self) -> None:
        """Create the folder; what an interrupted process left half received two days ago is removed."""
        await self._threads.short(durable_files.prepare, self._root)

    async def probe(self) -> None:
        """Write, fsync and remove a small file."""
        await self._threads.short(self._probe)

    def _probe(self) -> None:
        with durable_files.store_errors(self._root, "probe"):
            descriptor, temporary = durable_files.create_temporary(self._root)
            try:
                durable_files.write_all(descriptor, b"probe")
                os.fsync(descriptor)
            finally:
                durable_files.discard(descriptor, temporary)

    async def space(self, held: Held) -> Space | None:
        """Keep the promise of `ObjectStore.space`: what the volume has, and no more than the quota."""
        system = await self._threads.short(durable_files.space, self._root, self._allowance.reserve)
        return await space_within(self._allowance, held, system)

    async def left_behind(self, folder: str, before: datetime, most: int) -> list[str]:
        """Keep the promise of `ObjectStore.left_behind`."""
        return await self._threads.long(durable_files.left_behind, self._root, check_key(folder), before, most)

    async def close(self) -> None:
        """Let the threads go."""
        await self._threads.close()

    def _file(self, key: str) -> Path:
        return self._root / check_key(key)


def _refuse(retention: Retention | None) -> None:
    if retention is not None:
        raise StoreMisconfigured("a folder cannot lock its objects: declare its site without a lock")


def _refuse_version(version_id: str | None) -> None:
    if version_id is not None:
        raise StoreMisconfigured("a folder has no versions: this version id comes from another store")
