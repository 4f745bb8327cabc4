"""The asyncio client asks as the plain one does: both run the same conversation."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from hashlib import sha512
from pathlib import Path

import pytest

from chartrier_client import AsyncClient, Client, DigestMismatch, Problem, Unreachable, Upload, UploadMemory
from tests.unit.client.archive_double import HANG_UP, ArchiveDouble, Said, said, said_bytes
from tests.unit.client.upload_double import Trouble, UploadDouble

TRANSFERS = "/ingest/v1/transfers"


@pytest.fixture
async def client(archive: ArchiveDouble, pauses: list[float]) -> AsyncIterator[AsyncClient]:
    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async with AsyncClient(archive.url, "the-client", "its-secret", pause=pause) as client:
        yield client


def test_both_clients_have_the_same_methods() -> None:
    plain, awaited = (
        {
            name: [(each.name, each.kind, each.default) for each in inspect.signature(method).parameters.values()]
            for name, method in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }
        for kind in (Client, AsyncClient)
    )

    assert plain == awaited
    assert len(plain) > 20


async def test_a_deposit_is_followed_to_its_end(client: AsyncClient, archive: ArchiveDouble, tmp_path: Path) -> None:
    sip = tmp_path / "sip.zip"
    sip.write_bytes(b"PK\x03\x04" + b"x" * 3_000_000)
    archive.says("POST", TRANSFERS, said({"id": "tr-1"}, 202))
    archive.says(
        "GET", f"{TRANSFERS}/tr-1", *(said({"id": "tr-1", "state": state}) for state in ("checking", "accepted"))
    )
    seen: list[str] = []

    transfer = await client.wait(await client.deposit(sip, "ACCORD"), 60, lambda now: seen.append(now.state))

    assert (transfer.state, seen) == ("accepted", ["checking", "accepted"])
    (heard,) = archive.requests("POST", TRANSFERS)
    assert heard.body == sip.read_bytes()
    assert heard.headers["content-length"] == str(sip.stat().st_size)


async def test_lists_are_walked_to_their_end(client: AsyncClient, archive: ArchiveDouble) -> None:
    archive.says(
        "GET",
        "/access/v1/units",
        said({"items": [{"id": "u-1"}], "next": "c"}),
        said({"items": [{"id": "u-2"}], "next": None}),
    )
    archive.says("GET", TRANSFERS, said({"items": [{"id": "tr-1", "state": "accepted"}], "next": None}))

    assert [unit.id async for unit in client.search("eau")] == ["u-1", "u-2"]
    assert [transfer.id async for transfer in client.transfers(state="accepted")] == ["tr-1"]
    assert archive.requests("GET", TRANSFERS)[0].query == {"state": ["accepted"]}


async def test_downloads_are_verified(client: AsyncClient, archive: ArchiveDouble, tmp_path: Path) -> None:
    archive.says("GET", "/access/v1/objects/good/content", said_bytes(b"bytes"))
    archive.says("GET", "/access/v1/objects/bad/content", said_bytes(b"bytes", sha512(b"others").digest()))
    archive.says("GET", "/access/v1/objects/bare/content", Said(200, b"bytes"))

    assert await client.download("good", tmp_path / "good") == sha512(b"bytes").hexdigest()
    for name in ("bad", "bare"):
        with pytest.raises(DigestMismatch):
            await client.download(name, tmp_path / name)
    assert [(tmp_path / name).exists() for name in ("good", "bad", "bare")] == [True, False, False]


async def test_it_is_as_careful_with_what_it_repeats(
    client: AsyncClient, archive: ArchiveDouble, pauses: list[float], tmp_path: Path
) -> None:
    (tmp_path / "sip.zip").write_bytes(b"PK\x03\x04")
    archive.says("GET", f"{TRANSFERS}/tr-1", HANG_UP, said({}, 502), said({"id": "tr-1", "state": "storing"}))
    archive.says("GET", f"{TRANSFERS}/tr-2", said({"code": "forbidden", "detail": "Aucun mandat."}, 403))
    archive.says("POST", TRANSFERS, HANG_UP)

    assert (await client.transfer("tr-1")).state == "storing"
    assert pauses == [0.5, 1.0]
    with pytest.raises(Problem, match="Aucun mandat"):
        await client.transfer("tr-2")
    with pytest.raises(Unreachable):
        await client.deposit(tmp_path / "sip.zip", "A")
    assert len(archive.requests("POST", TRANSFERS)) == 1


async def test_many_questions_at_once_ask_for_one_token(client: AsyncClient, archive: ArchiveDouble) -> None:
    archive.says("GET", f"{TRANSFERS}/tr-1", said({"id": "tr-1", "state": "storing"}))

    await asyncio.gather(*(client.transfer("tr-1") for _ in range(10)))

    assert len(archive.requests("POST", "/admin/v1/token")) == 1


async def test_an_upload_goes_on_where_it_was(uploads: UploadDouble, tmp_path: Path) -> None:
    path = tmp_path / "sip.zip"
    path.write_bytes(bytes(range(256)) * 20)
    upload = Upload(path, "ACCORD", memory=UploadMemory(tmp_path / "state"), piece=1000)
    uploads.troubles = [None, Trouble(kept=10), None, Trouble(403)]

    async def pause(_: float) -> None:
        await asyncio.sleep(0)

    async with AsyncClient(uploads.url, "the-client", "its-secret", pause=pause) as client:
        with pytest.raises(Problem):
            await client.upload(upload)
        assert len(uploads.only.content) == 2010
        assert await client.upload(upload) == "tr-1"
        await client.forget(upload)

    assert uploads.only.content == path.read_bytes()
    assert upload.memory is not None
    assert not any(upload.memory.folder.iterdir())
