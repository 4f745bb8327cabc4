"""Uploads whose connections break: over real sockets, at whatever byte, what came counts, and is counted once."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import pytest
import uvicorn

from services.ingest.domain import upload as cutting
from services.ingest.parts import Ingest
from services.local import seaweedfs
from services.local.ports import free_ports
from shared.checksums import sha512_of
from shared.identity.rights import Role
from shared.limits import Limits
from tests.builders.callers import a_token
from tests.contracts.object_stores import bucket_url, prepared
from tests.integration.ingest.bench import Bench
from tests.integration.ingest.test_uploads import checksum
from tests.integration.ingest.uploading import BYTES, TUS, Desk, a_desk, an_app, on_staging, working

pytestmark = pytest.mark.integration

SEED = 20261126
CUTS = 20


@asynccontextmanager
async def served(ingest: Ingest) -> AsyncIterator[str]:
    """Serve ingest on a real socket."""
    (port,) = free_ports(1)
    server = uvicorn.Server(
        uvicorn.Config(an_app(ingest), port=port, lifespan="off", log_config=None, access_log=False)
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def a_desk_at(bench: Bench, base_url: str) -> AsyncIterator[Desk]:
    agreement = await bench.agreement()
    headers = {"Authorization": f"Bearer {a_token(Role.DEPOSITOR, agreement.establishment)}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers) as http:
        yield Desk(bench, agreement, http)


async def break_off(desk: Desk, place: str, offset: int, content: bytes, sent: int, **headers: str) -> None:
    """Send a request that announces all of its bytes, and hang up after some of them."""
    told = {
        **TUS,
        "Host": desk.http.base_url.netloc.decode(),
        "Authorization": desk.http.headers["authorization"],
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": str(len(content)),
        "Upload-Offset": str(offset),
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    _, writer = await asyncio.open_connection(desk.http.base_url.host, desk.http.base_url.port)
    writer.write(f"PATCH {place} HTTP/1.1\r\n{head}\r\n".encode() + content[:sent])
    await writer.drain()
    # In good order, so that what was sent arrives; the body ends in its middle all the same.
    writer.close()
    await writer.wait_closed()


async def until_free(desk: Desk, place: str, epoch: int) -> None:
    """Wait until the request that broke off is through: then nobody holds the upload."""
    async with asyncio.timeout(30):
        while not await desk.bench.databases.as_superuser(
            f"SELECT 1 FROM ingest.upload WHERE id = '{place.rpartition('/')[2]}' "  # noqa: S608 (an id of our own)
            f"AND epoch >= {epoch} AND leased_until IS NULL"
        ):
            await asyncio.sleep(0.01)


@pytest.fixture
async def desk(bench: Bench) -> AsyncIterator[Desk]:
    async with working(bench), served(bench.ingest) as base_url, a_desk_at(bench, base_url) as opened:
        yield opened


async def finish_by_cuts(desk: Desk, content: bytes) -> str:
    """Upload bytes by requests that break off at random, and a last one that does not."""
    chance = random.Random(SEED)  # noqa: S311 (where a body breaks off, no secret)
    place, offset = await desk.begin(len(content), sha512=sha512_of(content)), 0
    for epoch in range(1, CUTS + 1):
        sent = min(chance.randrange(2 * len(content) // CUTS), len(content) - offset - 1)
        await break_off(desk, place, offset, content[offset:], sent)
        await until_free(desk, place, epoch)
        come = await desk.offset(place)
        # What lay in the server's buffer when the connection broke was never handed over.
        assert offset <= come <= offset + sent
        offset = come
    assert 0 < offset < len(content)
    last = await desk.append(place, offset, content[offset:])
    assert last.status_code == 204
    return place


async def test_an_upload_cut_at_twenty_random_bytes_ends_bit_for_bit(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cutting, "LEAST_PIECE", 100_000)
    content = random.Random(SEED).randbytes(4_000_000)  # noqa: S311 (a file, no secret)

    place = await finish_by_cuts(desk, content)

    view = await desk.until(place, "completed")
    transfer = await desk.bench.transfer(UUID(view["transfer"].rpartition("/")[2]))
    assert (transfer.sha512, transfer.size) == (sha512_of(content), len(content))
    assert await desk.bench.staged(transfer.staging_key) == content


async def test_the_same_holds_where_staging_is_a_bucket(bench: Bench, seaweed: seaweedfs.Site) -> None:
    content = random.Random(SEED + 1).randbytes(2_000_000)  # noqa: S311 (a file, no secret)
    async with prepared(bucket_url(seaweed, "staging-of-uploads", "?versions=no")) as staging:
        there = on_staging(bench, staging)
        async with working(there), served(there.ingest) as base_url, a_desk_at(there, base_url) as desk:
            place = await finish_by_cuts(desk, content)
            view = await desk.until(place, "completed")
            assert await desk.transfer_bytes(place) == content
            await desk.until_forgotten(place)

            # A checksum is verified there too, and the same bytes are the same transfer.
            again = await desk.begin(len(content))
            wrong = await desk.append(again, 0, content, Upload_Checksum=checksum(content[1:]))
            assert (wrong.status_code, await desk.offset(again)) == (460, 0)
            last = await desk.append(again, 0, content, Upload_Checksum=checksum(content, "sha1"))
            assert last.headers["chartrier-transfer"] == view["transfer"]


async def test_every_byte_that_was_handed_over_before_the_end_counts(bench: Bench) -> None:
    async with a_desk(bench) as desk:
        place = await desk.begin(50_000)
        headers = {**BYTES, "Authorization": desk.http.headers["authorization"], "Upload-Offset": "0"}
        messages: list[dict[str, object]] = [
            {"type": "http.request", "body": bytes(20_000), "more_body": True},
            {"type": "http.request", "body": bytes(10_000), "more_body": True},
            {"type": "http.disconnect"},
        ]

        async def receive() -> dict[str, object]:
            return messages.pop(0)

        async def send(_message: object) -> None: ...

        scope = {
            "type": "http",
            "method": "PATCH",
            "path": place,
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        await an_app(bench.ingest)(scope, receive, send)

        assert await desk.offset(place) == 30_000
        assert [piece.size for piece in await desk.pieces(place)] == [30_000]


async def test_what_a_long_request_has_brought_is_safe_before_its_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cutting, "LEAST_PIECE", 10_000)
    place, sent = await desk.begin(50_000), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield bytes(35_000)
        await sent.wait()
        yield bytes(15_000)

    appending = asyncio.create_task(desk.append(place, 0, body()))
    async with asyncio.timeout(30):
        while await desk.offset(place) < 30_000:
            await asyncio.sleep(0.01)
    assert len(await desk.pieces(place)) == 3
    sent.set()
    assert (await appending).status_code == 204


async def test_a_chunk_with_a_checksum_that_breaks_off_leaves_nothing(desk: Desk) -> None:
    content = bytes(50_000)
    place = await desk.begin(len(content))

    await break_off(desk, place, 0, content, 30_000, **{"Upload-Checksum": checksum(content)})
    await until_free(desk, place, 1)

    assert (await desk.offset(place), desk.bench.staged_keys()) == (0, set())
    assert await desk.reasons() == []


async def test_a_body_that_stalls_is_cut_and_what_came_of_it_counts(bench: Bench) -> None:
    stalled = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield bytes(30_000)
        if not stalled.is_set():
            stalled.set()
            await asyncio.Event().wait()

    async with a_desk(bench, limits=Limits(stall_seconds=0.1)) as desk:
        place = await desk.begin(50_000)
        answer = await desk.append(place, 0, body())

        assert (answer.status_code, answer.json()["code"]) == (408, "too_slow")
        assert await desk.offset(place) == 30_000
        assert await desk.reasons() == []
