"""How bytes enter a bucket: at once when few, in parts when many; never over a key that is taken."""

import asyncio
import base64
import hashlib
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from urllib3 import BaseHTTPResponse

from shared.checksums import MIB, Measure
from shared.object_store.errors import StoreError, StoreUnavailable
from shared.object_store.port import Receipt, Retention
from shared.object_store.s3_wire import PreconditionFailed, S3Wire
from shared.object_store.threads import Threads

_log = logging.getLogger(__name__)

SMALL = 8 * MIB  # sent in one request
_UNKNOWN_PART = 10 * MIB
_MOST_PARTS = 10_000
# One upload: parts being sent, the part being gathered, and the copy that joins it.
_IN_MEMORY = 32 * MIB
_UPLOAD_ID = re.compile(rb"<UploadId>([A-Za-z0-9_.~+/=-]+)</UploadId>")

# (the same bytes, measured) -> the receipt of the object already under the key
TakeOver: TypeAlias = Callable[[Measure], Awaitable[Receipt]]


def part_size(size: int | None) -> int:
    """Choose parts so that no more are needed than S3 allows; an unknown size may reach 97 GiB."""
    if size is None:
        return _UNKNOWN_PART
    return max(SMALL, -(-size // (_MOST_PARTS * MIB)) * MIB)


def object_headers(retention: Retention | None, sha512: str | None) -> dict[str, str]:
    """Say how an object must be kept, and what its writer knows it to be."""
    headers = {"Content-Type": "application/octet-stream"}
    if sha512 is not None:
        headers["x-amz-meta-sha512"] = sha512
    if retention is not None:
        headers["x-amz-object-lock-mode"] = retention.mode
        headers["x-amz-object-lock-retain-until-date"] = retention.until.strftime("%Y-%m-%dT%H:%M:%SZ")
    return headers


def receipt(key: str, size: int, response: BaseHTTPResponse, *, already_there: bool = False) -> Receipt:
    """Read the version and tag that the server gave."""
    etag = response.headers.get("etag")
    version = response.headers.get("x-amz-version-id")
    return Receipt(key, version, size, etag.strip('"') if etag else None, already_there)


class PartsSink:
    """Where a writer's bytes go on their way to a bucket; with one block or less, a single request."""

    def __init__(
        self, wire: S3Wire, threads: Threads, key: str, retention: Retention | None, take_over: TakeOver
    ) -> None:
        self._wire = wire
        self._threads = threads
        self._key = key
        self._retention = retention
        self.take_over = take_over
        self.block_size = SMALL
        self._upload_id: str | None = None
        self._sending: deque[asyncio.Task[str]] = deque()
        self._tags: list[str] = []
        self._condition = {"If-None-Match": "*"}

    def over(self) -> "PartsSink":
        """Have the object take its key whatever lies there."""
        self._condition = {}
        return self

    def expect(self, size: int | None) -> "PartsSink":
        """Choose the parts for an object of this size."""
        self.block_size = part_size(size)
        return self

    async def append(self, block: bytes, sha512: str | None = None) -> None:
        """Start sending a part, once there is room in memory for it."""
        if self._upload_id is None:
            self._upload_id = await self._threads.short(self._begin, sha512)
        while len(self._sending) >= max(1, _IN_MEMORY // self.block_size - 2):
            await self._settle()
        number = len(self._tags) + len(self._sending) + 1
        part = self._threads.long(self._send_part, self._upload_id, number, block)
        self._sending.append(asyncio.create_task(part))

    async def publish(self, last: bytes, measure: Measure) -> Receipt:
        """Send the last part and make the whole an object under its key."""
        try:
            if self._upload_id is None:
                return await self._threads.short(self.put_once, last, measure)
            if last:
                await self.append(last)
            while self._sending:
                await self._settle()
            done = await self._threads.short(self._complete, self._upload_id, measure.size)
        except PreconditionFailed:
            await self.discard()
            return await self.take_over(measure)
        self._upload_id = None
        return done

    async def _settle(self) -> None:
        # Shielded and kept in the queue: if we are cancelled here, `discard` must still wait for the thread.
        self._tags.append(await asyncio.shield(self._sending[0]))
        self._sending.popleft()

    async def discard(self) -> None:
        """Stop sending, and have the server forget the parts."""
        if self._sending:
            await asyncio.gather(*self._sending, return_exceptions=True)
            self._sending.clear()
        if self._upload_id is not None:
            upload_id, self._upload_id = self._upload_id, None
            await self._threads.short(self._abort, upload_id)

    def put_once(self, data: bytes, measure: Measure) -> Receipt:
        """Send a whole object in one request (blocking); `PreconditionFailed` if the key is taken."""
        headers = object_headers(self._retention, measure.sha512) | self._checksum(data)
        response = self._wire.send("PUT", self._key, headers=headers | self._condition, body=data)
        return receipt(self._key, measure.size, response)

    def _begin(self, sha512: str | None) -> str:
        headers = object_headers(self._retention, sha512)
        if self._wire.bucket.checksum:
            headers["x-amz-checksum-algorithm"] = "SHA256"
        answer = self._wire.send("POST", self._key, query={"uploads": ""}, headers=headers)
        found = _UPLOAD_ID.search(answer.data)
        if found is None:
            raise StoreUnavailable(f"{self._key}: the server began an upload without naming it")
        return found[1].decode()

    def _send_part(self, upload_id: str, number: int, block: bytes) -> str:
        query = {"partNumber": str(number), "uploadId": upload_id}
        checksum = self._checksum(block)
        answer = self._wire.send("PUT", self._key, query=query, headers=checksum, body=block)
        sha256 = "".join(f"<ChecksumSHA256>{value}</ChecksumSHA256>" for value in checksum.values())
        tag = answer.headers["etag"].strip('"')
        return f'<Part><PartNumber>{number}</PartNumber><ETag>"{tag}"</ETag>{sha256}</Part>'

    def _complete(self, upload_id: str, size: int) -> Receipt:
        body = f"<CompleteMultipartUpload>{''.join(self._tags)}</CompleteMultipartUpload>".encode()
        query = {"uploadId": upload_id}
        answer = self._wire.send("POST", self._key, query=query, headers=self._condition, body=body)
        if b"<Error>" in answer.data:  # S3 may say 200 first and fail afterwards
            raise StoreUnavailable(f"{self._key}: {answer.data[:300].decode(errors='replace')}")
        return receipt(self._key, size, answer)

    def _abort(self, upload_id: str) -> None:
        try:
            self._wire.send("DELETE", self._key, query={"uploadId": upload_id})
        except StoreError:
            # The bucket's own rule for abandoned uploads is the net below this one.
            _log.warning("an abandoned upload could not be removed", extra={"key": self._key})

    def _checksum(self, data: bytes) -> dict[str, str]:
        if not self._wire.bucket.checksum:
            return {}
        return {"x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(data).digest()).decode()}
