"""A site in a bucket: locks that are renewed, holds, every version of a key, and its end."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from xml.etree.ElementTree import ParseError

from minio.datatypes import Object
from minio.error import MinioException, S3Error
from minio.retention import Retention as S3Retention
from typing_extensions import override
from urllib3.exceptions import HTTPError

from shared.checksums import Measure, measure_file
from shared.object_store.errors import NoSuchObject, ObjectLocked, StoreError, StoreUnavailable, WrongBytes
from shared.object_store.keeping import Version
from shared.object_store.locking import lock_at_least
from shared.object_store.port import NOTHING, ObjectFacts, Receipt, Retention, Source, check_key
from shared.object_store.s3 import S3Store, measure_known
from shared.object_store.s3_bucket import client_of
from shared.object_store.s3_uploads import abort_uploads
from shared.object_store.s3_wire import Bucket
from shared.object_store.space import USUAL, Allowance
from shared.object_store.writer import StreamWriter, receive

_AT_ONCE = 1000
_BYPASS = {"x-amz-bypass-governance-retention": "true"}


class S3Site(S3Store):
    """A `SiteStore` in one bucket.

    `bypass`: what is locked in governance mode is deleted all the same. The store's own rights decide whether our
    key may ask for that; the key with which the service writes and reads may not.
    """

    def __init__(self, bucket: Bucket, allowance: Allowance = USUAL, *, bypass: bool = False) -> None:
        super().__init__(bucket, allowance)
        self._client = client_of(bucket)
        self.bucket = bucket
        self.bypasses = bypass

    @override
    async def put(
        self,
        key: str,
        source: Source,
        *,
        size: int | None = None,
        sha512: str | None = None,
        retention: Retention | None = None,
    ) -> Receipt:
        """Keep the promise of `SiteStore.put`: what somebody else wrote under the key may not be locked."""
        receipt = await super().put(key, source, size=size, sha512=sha512, retention=retention)
        if receipt.already_there:
            await lock_at_least(self, key, receipt.version_id, retention)
        return receipt

    async def renew(self, key: str, version_id: str | None, retention: Retention) -> None:
        """Keep the promise of `SiteStore.renew`."""
        until = S3Retention(retention.mode, retention.until)
        ask = partial(self._client.set_object_retention, self._bucket.name, check_key(key), until, version_id)
        await self._asked(key, ask)

    async def hold(self, key: str, version_id: str | None, *, held: bool) -> None:
        """Keep the promise of `SiteStore.hold`."""
        ask = self._client.enable_object_legal_hold if held else self._client.disable_object_legal_hold
        await self._asked(key, partial(ask, self._bucket.name, check_key(key), version_id))

    async def is_held(self, key: str, version_id: str | None) -> bool:
        """Keep the promise of `SiteStore.is_held`."""
        ask = partial(self._is_held, check_key(key), version_id)
        return bool(await self._asked(key, ask, refusal=StoreUnavailable))

    def _is_held(self, key: str, version_id: str | None) -> bool:
        try:
            return self._client.is_object_legal_hold_enabled(self._bucket.name, key, version_id)
        except S3Error as error:
            if error.code != "NoSuchObjectLegalHold":  # how SeaweedFS says what Amazon says by another code
                raise
            return False

    async def _asked(self, key: str, ask: Callable[[], object], refusal: type[StoreError] = ObjectLocked) -> object:
        def answer() -> object:
            with _store_errors(key, refusal):
                return ask()

        return await self._threads.short(answer)

    async def put_over(
        self, key: str, source: Source, *, size: int, sha512: str, retention: Retention | None = None
    ) -> Receipt:
        """Keep the promise of `SiteStore.put_over`: the version that this adds is the one to be read."""
        sink = self._sink(key, retention).over().expect(size)
        if isinstance(source, AsyncIterable):
            return await receive(StreamWriter(sink, self._threads), source, size, sha512)
        measure: Measure = await self._threads.long(measure_known, source, size, sha512)
        if isinstance(source, Path) and (await self._threads.long(measure_file, source)) != measure:
            raise WrongBytes(f"{key}: not the bytes that were announced")
        with BytesIO(source) if isinstance(source, bytes) else source.open("rb", buffering=0) as file:
            return await self._send(sink, measure, file.read)

    async def topmost(self, key: str) -> ObjectFacts | None:
        """Keep the promise of `SiteStore.topmost`."""
        try:
            return await self.stat(key)
        except NoSuchObject:
            return None

    async def listed(self, prefix: str = "", after: str = "") -> AsyncIterator[Version]:
        """Keep the promise of `SiteStore.listed`; the server tells no version here."""
        found = self._client.list_objects(
            self._bucket.name, prefix or None, recursive=True, start_after=after or None
        )
        while chunk := await self._threads.long(_some, found):
            for one in chunk:
                yield one

    async def hidden(self, prefix: str = "") -> AsyncIterator[str]:
        """Keep the promise of `SiteStore.hidden`: for the server's every version is listed."""
        found = self._client.list_objects(self._bucket.name, prefix or None, recursive=True, include_version=True)
        while chunk := await self._threads.long(_some, found):
            for one in chunk:
                if one.marker and one.newest:
                    yield one.key

    async def folders(self) -> list[str]:
        """Keep the promise of `SiteStore.folders`: the server gathers what lies in each, markers too."""
        return await self._threads.long(self._folders)

    def _folders(self) -> list[str]:
        found = self._client.list_objects(self._bucket.name, include_version=True)
        with _store_errors("the store", refusal=StoreUnavailable):
            return sorted({one.object_name[:-1] for one in found if one.is_dir and one.object_name})

    async def versions(self, key: str) -> list[Version]:
        """Keep the promise of `SiteStore.versions`."""
        return await self._threads.short(self._versions, check_key(key))

    def _versions(self, key: str) -> list[Version]:
        found = self._client.list_objects(self._bucket.name, key, recursive=True, include_version=True)
        with _store_errors(key, refusal=StoreUnavailable):
            # By prefix: the keys of others may begin with this one.
            mine = [_version(one) for one in found if one.object_name == key]
        # The library gives markers apart from what they hide.
        return sorted(mine, key=lambda one: (one.newest, one.modified_at), reverse=True)

    async def tidy(self) -> int:
        """Leave it to the bucket's own rule: whose upload is abandoned only its server can tell for all keys."""
        return 0

    async def purge(self, key: str) -> None:
        """Keep the promise of `SiteStore.purge`; what was sent of the key and never finished goes too."""
        await self._threads.long(self._purge, check_key(key))

    def _purge(self, key: str) -> None:
        locked, headers = None, _BYPASS if self.bypasses else NOTHING
        for version in self._versions(key):
            query = {} if version.version_id is None else {"versionId": version.version_id}
            try:
                self._wire.send("DELETE", key, query=query, headers=headers)
            except NoSuchObject:  # another purge of the same key was quicker
                pass
            except ObjectLocked as error:
                locked = error
        if locked is not None:
            raise locked
        abort_uploads(self._wire, key)
        if left := self._versions(key):
            raise StoreUnavailable(f"{key}: {len(left)} versions are there after they were deleted")


def _some(found: Iterator[Object]) -> list[Version]:
    with _store_errors("the store", refusal=StoreUnavailable):
        return [_version(one) for one in islice(found, _AT_ONCE)]


def _version(found: Object) -> Version:
    if found.object_name is None or found.last_modified is None:
        raise StoreUnavailable("the server lists something without a name or a date")
    newest = found.is_latest is None or str(found.is_latest).lower() == "true"
    return Version(
        found.object_name,
        found.version_id,
        found.size or 0,
        found.last_modified,
        newest=newest,
        marker=bool(found.is_delete_marker),
    )


@contextmanager
def _store_errors(key: str, refusal: type[StoreError] = ObjectLocked) -> Iterator[None]:
    """Turn what the library raises into what the port says.

    A 403 is a lock where something was to be changed; who may not even read has lost a right, and can tell nothing.
    """
    try:
        yield
    except S3Error as error:
        if error.code in ("NoSuchKey", "NoSuchVersion", "MethodNotAllowed"):
            raise NoSuchObject(f"no object {key}") from error
        if error.code in ("AccessDenied", "InvalidRequest", "ObjectLocked"):
            raise refusal(f"{key}: {error.code}") from error
        raise StoreUnavailable(f"{key}: {error.code}") from error
    except (MinioException, HTTPError, ParseError) as error:  # the last: 200, and words that are not S3's
        raise StoreUnavailable(f"{key}: {error}") from error
