"""What the S3 store makes of a server's complaints: a small real server says them on purpose."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from shared.object_store import errors
from shared.object_store.opening import open_store
from tests.contracts.object_stores import a_key


@dataclass
class Server:
    """Answers every request with the same words, or the first `most` bytes of them, and hangs up after some."""

    status: int = 200
    code: str = ""
    per_connection: int = 1000
    most: int | None = None
    door: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        return f"s3+http://key:secret@127.0.0.1:{self.door.getsockname()[1]}/bucket"

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.door.accept()
                threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as asked:
            for turn in range(self.per_connection + 1):
                method = asked.readline().partition(b" ")[0]
                if not method:
                    return
                length = 0
                while (line := asked.readline().strip().lower()) != b"":
                    length = int(line.removeprefix(b"content-length:")) if b"content-length:" in line else length
                asked.read(length)
                if turn < self.per_connection:
                    connection.sendall(self.answer(method)[: self.most])
                if self.most is not None:
                    return

    def answer(self, method: bytes) -> bytes:
        body = f"<Error><Code>{self.code}</Code></Error>".encode() if self.code else b""
        head = (
            f'HTTP/1.1 {self.status} x\r\nContent-Length: {len(body)}\r\nETag: "e"\r\n'
            "Last-Modified: Mon, 23 Nov 2026 06:16:30 GMT\r\nX-Amz-Version-Id: 0123456789\r\n\r\n"
        )
        return head.encode() + (b"" if method == b"HEAD" else body)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    threading.Thread(target=running.serve, daemon=True).start()
    yield running
    running.door.shutdown(socket.SHUT_RDWR)
    running.door.close()


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        (500, "InternalError", errors.StoreUnavailable),
        (503, "SlowDown", errors.StoreUnavailable),
        (502, "", errors.StoreUnavailable),
        (429, "TooManyRequests", errors.StoreUnavailable),
        (400, "RequestTimeout", errors.StoreUnavailable),
        (400, "BadDigest", errors.StoreUnavailable),
        (409, "ConditionalRequestConflict", errors.StoreUnavailable),
        (403, "SignatureDoesNotMatch", errors.StoreUnavailable),
        (404, "NoSuchBucket", errors.StoreUnavailable),
        (507, "", errors.StoreFull),
        (400, "QuotaExceeded", errors.StoreFull),
        (503, "XMinioStorageFull", errors.StoreFull),
        (400, "InvalidArgument", errors.StoreError),
    ],
)
async def test_every_complaint_has_its_meaning(
    server: Server, status: int, code: str, meaning: type[errors.StoreError]
) -> None:
    server.status, server.code = status, code
    store = open_store(server.url)

    with pytest.raises(errors.StoreError) as complaint:
        await store.put(a_key(), b"x")

    assert type(complaint.value) is meaning
    assert "secret" not in str(complaint.value)
    await store.close()


async def test_an_answer_that_is_cut_anywhere_says_nothing(server: Server) -> None:
    store = open_store(server.url)
    assert (await store.put(a_key(), b"x")).version_id == "0123456789"
    whole = server.answer(b"PUT")

    for cut in range(len(whole)):
        server.most = cut
        for question in (store.put(a_key(), b"x"), store.stat(a_key()), store.sha512(a_key()), store.probe()):
            with pytest.raises(errors.StoreUnavailable):
                await question
    await store.close()


async def test_absence_that_is_not_explained_is_of_the_object_only_where_the_bucket_answers(server: Server) -> None:
    server.status = 404
    store = open_store(server.url)

    with pytest.raises(errors.StoreUnavailable):
        await store.open_range(a_key())
    await store.close()


async def test_a_kept_connection_that_the_server_lets_go_is_replaced(server: Server) -> None:
    server.per_connection = 1
    store = open_store(server.url)

    for _ in range(3):
        await store.stat(a_key())

    await store.close()


async def test_a_server_that_always_hangs_up_is_unavailable(server: Server) -> None:
    server.per_connection = 0
    store = open_store(server.url)

    with pytest.raises(errors.StoreUnavailable):
        await store.put(a_key(), b"x")

    await store.close()


async def test_nobody_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    store = open_store(f"s3+http://key:secret@127.0.0.1:{port}/bucket")

    with pytest.raises(errors.StoreUnavailable):
        await store.probe()
    with pytest.raises(errors.StoreUnavailable):
        await store.prepare()

    await store.close()
