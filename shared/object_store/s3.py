"""Objects in a bucket of any S3 server that has versions and conditional writes."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from pathlib import Path

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from shared.checksums import MIB, Measure, Meter, measure_file, sha512_of
from shared.object_store import s3_bucket
from shared.object_store.errors import (
    KeyTaken,
    NoSuchObject,
    NoSuchRange,
    StoreMisconfigured,
    StoreUnavailable,
    WrongBytes,
)
from shared.object_store.port import LockMode, ObjectFacts, Receipt, Retention, Source, check_key
from shared.object_store.s3_sink import SMALL, PartsSink
from shared.object_store.s3_wire import Bucket, PreconditionFailed, S3Wire
from shared.object_store.space import USUAL, Allowance, Held, Space, space_within
from shared.object_store.threads import Threads
from shared.object_store.writer import StreamWriter, receive


class S3Store:
    """An `ObjectStore` in one bucket; every read may name the version it wants."""

    def __init__(self, bucket: Bucket, allowance: Allowance = USUAL) -> None:
        self._allowance = allowance
        self._bucket = bucket
        self._threads = Threads(f"store-{bucket.name}")
        self._wire = S3Wire(bucket, connections=12)

    async def put(
        self,
        key: str,
        source: Source,
        *,
        size: int | None = None,
        sha512: str | None = None,
        retention: Retention | None = None,
    ) -> Receipt:
        """Keep the promise of `ObjectStore.put`; the server itself refuses a key that is taken."""
        sink = self._sink(key, retention)
        if isinstance(source, AsyncIterable):
            return await receive(StreamWriter(sink.expect(size), self._threads), source, size, sha512)
        announced = len(source) if size is None and isinstance(source, bytes) else size
        if announced is not None and announced <= SMALL:
            return await self._put_small(sink, source, announced, sha512)
        measure = await self._threads.long(measure_known, source, size, sha512)
        with BytesIO(source) if isinstance(source, bytes) else source.open("rb", buffering=0) as file:
            return await self._put_large(sink.expect(measure.size), measure, file.read)

    async def adopt(self, key: str, path: Path, *, size: int, sha512: str) -> Receipt:
        """Keep the promise of `ObjectStore.adopt`: sent, then removed here."""
        receipt = await self.put(key, path, size=size, sha512=sha512)
        await self._threads.short(path.unlink)
        return receipt

    def scratch(self) -> None:
        """Say that any folder will do: the file is sent over the network."""

    async def _put_small(self, sink: PartsSink, source: Path | bytes, size: int, sha512: str | None) -> Receipt:
        """Do it all in one thread at once: this is the path of nearly every deposit."""

        def read_and_send() -> Receipt:
            data = source if isinstance(source, bytes) else source.read_bytes()
            found = Measure(sha512_of(data), len(data))
            if size != found.size or sha512 not in (None, found.sha512):
                raise WrongBytes("not the bytes that were announced")
            return sink.put_once(data, found)

        try:
            return await self._threads.short(read_and_send)
        except PreconditionFailed:
            return await sink.take_over(await self._threads.short(measure_known, source, size, sha512))

    async def _put_large(self, sink: PartsSink, measure: Measure, read: Callable[[int], bytes]) -> Receipt:
        try:  # a question is cheap beside sending it all for nothing
            return await sink.take_over(measure)
        except NoSuchObject:
            pass
        return await self._send(sink, measure, read)

    async def _send(self, sink: PartsSink, measure: Measure, read: Callable[[int], bytes]) -> Receipt:
        try:
            sent = 0
            while measure.size - sent > sink.block_size:
                block = await self._threads.short(read, sink.block_size)
                await sink.append(block, measure.sha512)
                sent += len(block)
            last = await self._threads.short(read, sink.block_size)
            if sent + len(last) != measure.size:
                raise WrongBytes(f"{measure.size} bytes expected, {sent + len(last)} read")
            return await sink.publish(last, measure)
        finally:
            await sink.discard()

    async def _take_over(self, key: str, measure: Measure) -> Receipt:
        """Answer for an object that somebody else wrote under the key, if its bytes are the same."""
        facts = await self.stat(key)
        same = facts.size == measure.size
        if same and facts.announced_sha512 is None:
            same = await self.sha512(key, facts.version_id) == measure
        elif same:
            same = facts.announced_sha512 == measure.sha512
        if not same:
            raise KeyTaken(f"{key} already holds other bytes")
        return Receipt(key, facts.version_id, facts.size, facts.etag, already_there=True)

    def writer(
        self,
        key: str,
        *,
        size: int | None = None,
        retention: Retention | None = None,
        also: tuple[str, ...] = (),
    ) -> StreamWriter:
        """Keep the promise of `ObjectStore.writer`."""
        return StreamWriter(self._sink(key, retention).expect(size), self._threads, also)

    def _sink(self, key: str, retention: Retention | None) -> PartsSink:
        async def take_over(measure: Measure) -> Receipt:
            return await self._take_over(key, measure)

        return PartsSink(self._wire, self._threads, check_key(key), retention, take_over)

    async def open_range(
        self, key: str, version_id: str | None = None, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Keep the promise of `ObjectStore.open_range`."""
        if length == 0:
            facts = await self.stat(key, version_id)
            if not 0 <= offset <= facts.size:
                raise NoSuchRange(f"{key} has {facts.size} bytes; none begin at {offset}")
            return self._chunks(key, None)
        return self._chunks(key, await self._threads.short(self._open, key, version_id, offset, length))

    def _open(self, key: str, version_id: str | None, offset: int, length: int | None) -> BaseHTTPResponse:
        if offset < 0 or (length is not None and length < 0):
            raise NoSuchRange(f"{key}: {length} bytes from {offset} on")
        end = "" if length is None else offset + length - 1
        wanted = {} if offset == 0 and length is None else {"Range": f"bytes={offset}-{end}"}
        response = self._wire.stream(check_key(key), query=_version(version_id), headers=wanted)
        if length is not None and int(response.headers["content-length"]) != length:
            response.close()
            raise NoSuchRange(f"{key}: {length} bytes from {offset} on reach beyond its end")
        return response

    async def _chunks(self, key: str, response: BaseHTTPResponse | None) -> AsyncGenerator[bytes, None]:
        if response is None:
            return
        try:
            while chunk := await self._threads.short(_read, key, response):
                yield chunk
        finally:
            # A connection that still has bytes on the way cannot serve the next request.
            response.close()

    async def stat(self, key: str, version_id: str | None = None) -> ObjectFacts:
        """Keep the promise of `ObjectStore.stat`."""
        return await self._threads.short(self._stat, check_key(key), version_id)

    def _stat(self, key: str, version_id: str | None) -> ObjectFacts:
        headers = self._wire.send("HEAD", key, query=_version(version_id)).headers
        mode, until = (
            headers.get("x-amz-object-lock-mode"),
            headers.get("x-amz-object-lock-retain-until-date"),
        )
        return ObjectFacts(
            key,
            headers.get("x-amz-version-id"),
            int(headers["content-length"]),
            parsedate_to_datetime(headers["last-modified"]).astimezone(UTC),
            headers["etag"].strip('"'),
            Retention(LockMode(mode), datetime.fromisoformat(until)) if mode and until else None,
            headers.get("x-amz-meta-sha512"),
        )

    async def sha512(self, key: str, version_id: str | None = None, *, cold: bool = False) -> Measure:  # noqa: ARG002
        """Keep the promise of `ObjectStore.sha512`; the server's caches are beyond our reach."""
        return await self._threads.long(self._measure, key, version_id)

    def _measure(self, key: str, version_id: str | None) -> Measure:
        meter = Meter()
        self._read_whole(key, version_id, meter.update)
        return meter.measure()

    def _read_whole(self, key: str, version_id: str | None, take: Callable[[bytes], object]) -> None:
        response = self._open(key, version_id, 0, None)
        try:
            while chunk := _read(key, response):
                take(chunk)
        finally:
            # A connection that still has bytes on the way cannot serve the next request.
            response.close()

    async def fetch_to(self, key: str, path: Path, version_id: str | None = None) -> int:
        """Keep the promise of `ObjectStore.fetch_to`."""
        return await self._threads.long(self._fetch, key, path, version_id)

    def _fetch(self, key: str, path: Path, version_id: str | None) -> int:
        with path.open("xb") as file:
            self._read_whole(key, version_id, file.write)
            return file.tell()

    def path_of(self, key: str) -> Path | None:  # noqa: ARG002
        """Answer None: a bucket has no local files."""
        return None

    async def delete(self, key: str, version_id: str | None = None) -> None:
        """Keep the promise of `ObjectStore.delete`; without a version id the object is only hidden."""
        check_key(key)
        await self._threads.short(self._wire.send, "DELETE", key, query=_version(version_id))

    async def prepare(self) -> None:
        """Create the bucket, with versions and Object Lock as asked for."""
        await self._threads.short(s3_bucket.prepare, self._bucket)

    async def probe(self) -> None:
        """Ask the bucket whether it is there and keeps versions and locks as it must."""
        await self._threads.short(self._probe)

    def _probe(self) -> None:
        versioning = self._wire.send("GET", None, query={"versioning": ""}).data
        if self._bucket.versioned and b"<Status>Enabled</Status>" not in versioning:
            raise StoreMisconfigured(f"bucket {self._bucket.name} keeps no versions")
        if not self._bucket.locked:
            return
        try:
            lock = self._wire.send("GET", None, query={"object-lock": ""}).data
        except StoreUnavailable as error:
            # Whoever takes this for a wrong setting ends: only the store's own word for it counts.
            if "ObjectLockConfigurationNotFound" not in str(error):
                raise
            raise StoreMisconfigured(f"bucket {self._bucket.name} has no Object Lock") from error
        if b"<ObjectLockEnabled>Enabled</ObjectLockEnabled>" not in lock:
            raise StoreMisconfigured(f"bucket {self._bucket.name} has no Object Lock")

    async def space(self, held: Held) -> Space | None:
        """Keep the promise of `ObjectStore.space`: a bucket tells nothing of it, so only a quota does."""
        return await space_within(self._allowance, held, None)

    async def left_behind(self, folder: str, before: datetime, most: int) -> list[str]:
        """Keep the promise of `ObjectStore.left_behind`."""
        return await self._threads.long(s3_bucket.left_behind, self._bucket, folder, before, most)

    async def close(self) -> None:
        """Let threads and connections go."""
        await self._threads.close()
        self._wire.close()


def _version(version_id: str | None) -> dict[str, str]:
    return {} if version_id is None else {"versionId": version_id}


def measure_known(source: Path | bytes, size: int | None, sha512: str | None) -> Measure:
    """Measure bytes and verify them; of a file the size is verified, and a digest announced is believed."""
    if isinstance(source, bytes):
        found = Measure(sha512_of(source), len(source))
    else:
        found = Measure(sha512 or measure_file(source).sha512, source.stat().st_size)
    if size not in (None, found.size) or sha512 not in (None, found.sha512):
        raise WrongBytes("not the bytes that were announced")
    return found


def _read(key: str, response: BaseHTTPResponse) -> bytes:
    try:
        return response.read(MIB)
    except HTTPError as error:
        raise StoreUnavailable(f"{key}: the server stopped in the middle: {error}") from error
