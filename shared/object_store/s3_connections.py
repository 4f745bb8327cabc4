"""Connections to an S3 server that notice an answer cut among its headers.

Python's library takes the end of the stream for the end of the headers: half an answer to a write would be a success
without a version, half an answer to a read an empty object. Cuts behind the headers show by themselves.
"""

from http.client import HTTPResponse, IncompleteRead
from io import BufferedReader
from typing import cast

from typing_extensions import override
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Noting:
    """A stream that remembers the last line that was read from it."""

    def __init__(self, stream: BufferedReader) -> None:
        self.stream = stream
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        self.last = self.stream.readline(limit)
        return self.last

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)


class _Answer(HTTPResponse):
    @override
    def begin(self) -> None:
        noting = _Noting(self.fp)
        self.fp = cast("BufferedReader", noting)
        super().begin()
        self.fp = noting.stream
        if noting.last not in (b"\r\n", b"\n"):
            raise IncompleteRead(b"")


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def pool(connections: int, *, connect_within: float, answer_within: float) -> PoolManager:
    """Return connections with no patience of their own: whoever asks decides what to do about a failure."""
    timeout = Timeout(connect=connect_within, read=answer_within)
    manager = PoolManager(maxsize=connections, blocksize=1 << 20, retries=False, timeout=timeout)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return manager
