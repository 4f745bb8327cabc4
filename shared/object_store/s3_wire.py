"""Signed requests to one bucket, and what its answers mean.

`minio` signs the requests and creates buckets. Its `put_object` is not used: it cannot say "only if the key
is free", hashes whatever goes over plain HTTP, and decides for itself how much of an upload is in memory.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlencode

from minio.credentials.credentials import Credentials
from minio.signer import sign_v4_s3
from minio.time import to_amz_date, utcnow
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError, ProtocolError

from shared.object_store import errors
from shared.object_store.port import NOTHING
from shared.object_store.s3_connections import pool

# The signature says who asks for what; the bytes are proven by our read-back, and by a checksum if wanted.
_UNSIGNED = "UNSIGNED-PAYLOAD"
_CONNECT_WITHIN = 2.0
ANSWER_WITHIN = 60.0
"""Seconds between two bytes of an answer; a server that is silent for longer is away."""
_FULL = frozenset({"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull", "EntityTooLargeForQuota"})
_AGAIN = frozenset({"RequestTimeout", "IncompleteBody", "BadDigest", "SlowDown", "ConditionalRequestConflict"})
_CODE = re.compile(rb"<Code>([^<]*)</Code>")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where a bucket is, who we are there, and what it must do for us.

    `versioned` and `locked` are verified by `probe`. `checksum` sends a SHA-256 for the server to verify on
    arrival: Amazon asks for it wherever Object Lock is used; on one machine it can be spared.
    """

    endpoint: str
    name: str
    access_key: str
    secret_key: str = field(repr=False)
    secure: bool = True
    region: str = "us-east-1"
    versioned: bool = True
    locked: bool = False
    checksum: bool = True


class PreconditionFailed(errors.StoreError):
    """The key is not free; never leaves this package."""


class S3Wire:
    """Sends requests about one bucket; answers are 2xx, anything else is an error of the port."""

    def __init__(self, bucket: Bucket, connections: int) -> None:
        self.bucket = bucket
        self._credentials = Credentials(bucket.access_key, bucket.secret_key)
        self._pool = pool(connections, connect_within=_CONNECT_WITHIN, answer_within=ANSWER_WITHIN)

    def send(
        self,
        method: str,
        key: str | None,
        *,
        query: Mapping[str, str] = NOTHING,
        headers: Mapping[str, str] = NOTHING,
        body: bytes | None = None,
    ) -> BaseHTTPResponse:
        """Send one request and read its whole answer."""
        response = self._open(method, key, query, headers, body, preload=True)
        if response.status >= 300:
            raise self._error(method, key, response.status, response.data)
        return response

    def stream(self, key: str, *, query: Mapping[str, str], headers: Mapping[str, str]) -> BaseHTTPResponse:
        """Ask for an object and leave its bytes to the caller, who closes the answer."""
        response = self._open("GET", key, query, headers, None, preload=False)
        if response.status >= 300:
            data = response.read()
            response.release_conn()
            raise self._error("GET", key, response.status, data)
        return response

    def _open(
        self,
        method: str,
        key: str | None,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        preload: bool,
    ) -> BaseHTTPResponse:
        url = self._url(key, query)

        def attempt() -> BaseHTTPResponse:
            signed = self._sign(method, url, headers)
            return self._pool.urlopen(method, url.geturl(), body=body, headers=signed, preload_content=preload)

        try:
            try:
                return attempt()
            except ProtocolError:
                # A kept connection that the server has just let go. Asking twice is harmless: objects are
                # only written where the key is free, or as one version more.
                return attempt()
        except HTTPError as error:
            raise errors.StoreUnavailable(f"{self._name()}: {error}") from error

    def _url(self, key: str | None, query: Mapping[str, str]) -> SplitResult:
        scheme = "https" if self.bucket.secure else "http"
        # Keys need no quoting: `check_key` has seen them.
        path = f"/{self.bucket.name}" + (f"/{key}" if key else "")
        return SplitResult(scheme, self._host(scheme), path, urlencode(query), "")

    def _host(self, scheme: str) -> str:
        return self.bucket.endpoint.removesuffix(f":{_DEFAULT_PORTS[scheme]}")

    def _sign(self, method: str, url: SplitResult, headers: Mapping[str, str]) -> dict[str, str]:
        now = utcnow()
        unsigned: dict[str, str | list[str] | tuple[str]] = {
            **headers,
            "Host": url.netloc,
            "x-amz-date": to_amz_date(now),
            "x-amz-content-sha256": _UNSIGNED,
        }
        signed = sign_v4_s3(
            method=method,
            url=url,
            region=self.bucket.region,
            headers=unsigned,
            credentials=self._credentials,
            content_sha256=_UNSIGNED,
            date=now,
        )
        return {name: str(value) for name, value in signed.items()}

    def _error(self, method: str, key: str | None, status: int, data: bytes) -> errors.StoreError:
        found = _CODE.search(data)
        code = found[1].decode(errors="replace") if found else ""
        text = f"{self._name()}: {method} {key or ''}: {status} {code}".strip()
        if status == 404 and key and code != "NoSuchBucket":
            return self._absent(key, code)
        if code in _FULL or status == 507:
            return errors.StoreFull(text)
        if status == 403 and method == "DELETE":
            return errors.ObjectLocked(text)
        return _KINDS.get(status, self._kind(status, code))(text)

    @staticmethod
    def _kind(status: int, code: str) -> type[errors.StoreError]:
        # 403, or 404 of a bucket: rights or a bucket went away; someone will mend it, nothing is lost.
        if status >= 500 or status in (403, 404, 408, 409, 429) or code in _AGAIN:
            return errors.StoreUnavailable
        return errors.StoreError

    def _absent(self, key: str, code: str) -> errors.StoreError:
        # The answer to HEAD has no body: only the bucket itself tells a lost object from a lost bucket.
        if not code:
            self.send("HEAD", None)
        return errors.NoSuchObject(f"{self._name()}: no object {key}")

    def _name(self) -> str:
        return f"{self.bucket.endpoint}/{self.bucket.name}"

    def close(self) -> None:
        """Let the connections go."""
        self._pool.clear()


_KINDS: dict[int, type[errors.StoreError]] = {
    405: errors.NoSuchObject,  # the version asked for is a delete marker
    412: PreconditionFailed,
    416: errors.NoSuchRange,
}
