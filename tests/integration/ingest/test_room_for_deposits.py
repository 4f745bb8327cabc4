"""Room for deposits: what does not fit is refused before it is read, what is in hand goes on, all by itself."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from services.ingest import berths
from services.ingest.adapters import sites as adapter
from services.ingest.adapters.sites import Sites
from services.ingest.api import router
from services.ingest.berths import Berths
from services.ingest.domain.transfer import TransferState
from services.ingest.parts import Ingest
from services.local.ports import free_ports
from shared.calls import RoomCalls
from shared.identity.rights import Role
from shared.messages.admin import AgreementV1
from shared.object_store.filesystem import FilesystemStore
from shared.object_store.port import ObjectStore
from shared.object_store.space import Allowance
from shared.readiness import Readiness
from shared.settings import RoomSettings
from shared.web import room_app
from tests.builders.callers import BASE, a_token, a_verifier
from tests.integration.ingest.bench import Bench, in_chunks
from tests.small_disks import MIB, a_small_disk, fill

pytestmark = pytest.mark.integration

PLACE = "/ingest/v1/transfers"


async def nothing() -> None: ...


def in_store(
    bench: Bench, staging: ObjectStore, sites: Sites | None = None, uploads: int = 100, rest_seconds: float = 0
) -> Bench:
    """The same bench on another staging, whose room is measured whenever it is asked for."""
    ingest = Ingest(bench.database, bench.ingest.calls, staging, bench.ingest.settings)
    berths = Berths(bench.database, staging, sites or Sites(ingest.calls), uploads, rest_seconds)
    object.__setattr__(ingest, "berths", berths)
    return replace(bench, ingest=ingest)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with a_small_disk(tmp_path / "small", 12 * MIB) as folder:
        yield folder


@asynccontextmanager
async def on(bench: Bench, folder: Path, allowance: Allowance, rest_seconds: float = 0) -> AsyncIterator[Bench]:
    staging = FilesystemStore(folder, allowance)
    await staging.prepare()
    yield in_store(bench, staging, rest_seconds=rest_seconds)
    await staging.close()


async def post(
    bench: Bench,
    agreement: AgreementV1,
    body: Any,  # noqa: ANN401 (bytes, or a stream of them)
    **headers: str,
) -> httpx.Response:
    app = room_app("ingest", router, a_verifier(), Readiness("ingest"), nothing)
    app.state.ingest = bench.ingest
    told = {"Authorization": f"Bearer {a_token(Role.DEPOSITOR, agreement.establishment)}", **headers}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, headers=told) as http:
        return await http.post(PLACE, params={"agreement": str(agreement.id)}, content=body)


def unread() -> AsyncIterator[bytes]:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(1):
            pytest.fail("the body was read")
        yield b""

    return body()


async def test_a_deposit_larger_than_the_room_left_is_refused_and_a_smaller_one_taken(
    bench: Bench, small_disk: Path
) -> None:
    agreement = await bench.agreement()
    async with on(bench, small_disk, Allowance(reserve=2 * MIB)) as small:
        refused = await post(small, agreement, bytes(5 * MIB))
        english = await post(small, agreement, bytes(5 * MIB), **{"Accept-Language": "en"})
        taken = await post(small, agreement, bytes(MIB))

        assert (refused.status_code, refused.json()["code"]) == (507, "staging_full")
        assert refused.json()["detail"].startswith("La zone d'attente")
        assert english.json()["detail"].startswith("The archive's waiting area")
        assert int(refused.headers["retry-after"]) > 0
        assert taken.status_code == 202
        assert small.staged_keys() == {f"sips/{taken.json()['id']}"}
    lines = await bench.lines("transfer.refused")
    assert [line.details["reason"] for line in lines] == ["staging_full"] * 2


async def test_a_deposit_of_unknown_size_is_stopped_where_the_room_ends(bench: Bench, small_disk: Path) -> None:
    agreement = await bench.agreement()
    async with on(bench, small_disk, Allowance(reserve=2 * MIB)) as small:
        refused = await post(small, agreement, in_chunks(bytes(5 * MIB), 100_000))

        assert (refused.status_code, refused.json()["code"]) == (507, "staging_full")
        assert small.staged_keys() == set()


async def test_a_disk_that_fills_in_the_middle_of_a_deposit_keeps_nothing_of_it(
    bench: Bench, small_disk: Path
) -> None:
    agreement = await bench.agreement()
    async with on(bench, small_disk, Allowance(reserve=MIB)) as small:

        async def body() -> AsyncIterator[bytes]:
            yield bytes(2 * MIB)
            fill(small_disk, 0)  # somebody else's bytes
            yield bytes(2 * MIB)

        refused = await post(small, agreement, body())

        assert (refused.status_code, refused.json()["code"]) == (507, "staging_full")
        assert small.staged_keys() == {"ballast"}
    assert await bench.databases.as_superuser("SELECT 1 FROM ingest.transfer") == []


async def test_a_full_disk_refuses_what_comes_and_lets_what_is_in_hand_end_from_its_reserve(
    bench: Bench, small_disk: Path
) -> None:
    agreement = await bench.agreement()
    async with on(bench, small_disk, Allowance(reserve=4 * MIB)) as small:
        transfer = await small.deposit(agreement=agreement)
        ballast = fill(small_disk, 3 * MIB)

        # Nobody waits to be told to go on with a body that somebody then reads.
        refused = await post(small, agreement, unread(), **{"Content-Length": "10", "Expect": "100-continue"})
        await small.process()

        assert (refused.status_code, refused.json()["code"]) == (507, "staging_full")
        assert (await small.transfer(transfer.id)).state is TransferState.STORING
        assert (await small.built(transfer.id)).size > 0
        ballast.unlink()
        assert (await post(small, agreement, small.sip())).status_code == 202


async def test_work_that_finds_the_disk_full_waits_and_goes_on_when_there_is_room(
    bench: Bench, small_disk: Path
) -> None:
    agreement = await bench.agreement()
    async with on(bench, small_disk, Allowance(reserve=MIB)) as small:
        transfer = await small.deposit(agreement=agreement)
        ballast = fill(small_disk, 0)

        with pytest.raises(Exception, match="No space left"):
            await small.process()
        left = small.staged_keys()
        ballast.unlink()
        await small.release()
        await small.process()

        assert left == {transfer.staging_key, "ballast"}
        assert (await small.built(transfer.id)).size > 0


async def test_those_that_come_in_at_once_do_not_count_on_the_same_room(bench: Bench, tmp_path: Path) -> None:
    agreement = await bench.agreement()
    async with on(bench, tmp_path / "quota", Allowance(reserve=0, quota=int(2.5 * 3 * MIB))) as small:
        going_on = asyncio.Event()

        first = asyncio.create_task(
            post(small, agreement, two_mib_slowly(going_on), **{"Content-Length": str(2 * MIB)})
        )
        await coming_in(small)
        second = await post(small, agreement, bytes(2 * MIB))
        going_on.set()

        assert (await first).status_code == 202
        assert (second.status_code, second.json()["code"]) == (507, "staging_full")


async def two_mib_slowly(going_on: asyncio.Event) -> AsyncIterator[bytes]:
    yield bytes(MIB)
    await going_on.wait()
    yield bytes(MIB)


async def coming_in(bench: Bench) -> None:
    """Wait until a deposit is on its way."""
    while not any(key.startswith(".arriving") for key in bench.staged_keys()):
        await asyncio.sleep(0.01)


async def test_those_that_come_in_without_a_length_share_what_room_there_is(bench: Bench, tmp_path: Path) -> None:
    agreement = await bench.agreement()
    async with on(bench, tmp_path / "quota", Allowance(reserve=0, quota=int(2.5 * 3 * MIB))) as small:
        going_on = asyncio.Event()
        first = asyncio.create_task(post(small, agreement, two_mib_slowly(going_on)))
        await coming_in(small)
        second = await post(small, agreement, in_chunks(bytes(int(2.5 * MIB)), MIB // 4))
        going_on.set()

        assert (second.status_code, second.json()["code"]) == (507, "staging_full")
        assert (await first).status_code == 202
        assert small.staged_keys() == {f"sips/{(await first).json()['id']}"}


async def test_one_alone_without_a_length_may_be_as_large_as_one_with(bench: Bench, small_disk: Path) -> None:
    agreement = await bench.agreement()
    async with on(bench, small_disk, Allowance(reserve=2 * MIB)) as small:
        taken = await post(small, agreement, in_chunks(bytes(int(3.5 * MIB)), MIB // 4))

    assert taken.status_code == 202


async def test_one_that_was_just_taken_is_counted_before_staging_is_measured_again(
    bench: Bench, tmp_path: Path
) -> None:
    agreement = await bench.agreement()
    quota = Allowance(reserve=0, quota=int(2.5 * 3 * MIB))
    async with on(bench, tmp_path / "quota", quota, rest_seconds=3600) as small:
        answers = [await post(small, agreement, bytes([number]) * 2 * MIB) for number in range(2)]

    assert [answer.status_code for answer in answers] == [202, 507]


async def test_what_another_process_has_taken_meanwhile_is_seen_before_anything_is_promised(
    bench: Bench, tmp_path: Path
) -> None:
    agreement = await bench.agreement()
    async with on(bench, tmp_path / "quota", Allowance(reserve=0, quota=int(2.5 * 3 * MIB))) as small:
        other = in_store(bench, small.ingest.staging)
        going_on = asyncio.Event()
        first = asyncio.create_task(
            post(small, agreement, two_mib_slowly(going_on), **{"Content-Length": str(2 * MIB)})
        )
        await coming_in(small)
        second = await post(other, agreement, bytes([1]) * 2 * MIB)
        going_on.set()

        assert ((await first).status_code, second.status_code) == (507, 202)
        assert small.staged_keys() == {f"sips/{second.json()['id']}"}


async def test_a_quota_counts_what_waits_in_staging_and_its_aips(bench: Bench, tmp_path: Path) -> None:
    agreement = await bench.agreement()
    async with on(bench, tmp_path / "quota", Allowance(reserve=0, quota=10 * MIB)) as small:
        await small.ingest.berths.staging.look()
        before = small.ingest.berths.staging.open
        answer = await post(small, agreement, bytes(2 * MIB))
        await small.ingest.berths.staging.look()
        space = small.ingest.berths.staging.space

        assert (before, answer.status_code) == (10 * MIB, 202)
        assert space is not None
        assert (space.free, space.owed, space.open) == (8 * MIB, 3 * MIB, 5 * MIB)


async def test_no_more_come_in_at_once_than_may(bench: Bench) -> None:
    agreement = await bench.agreement()
    narrow = in_store(bench, bench.staging, uploads=1)

    async with narrow.ingest.berths.berth("client:other", 10):
        refused = await post(narrow, agreement, b"bytes")
    taken = await post(narrow, agreement, b"bytes")

    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "overloaded", "1")
    assert taken.status_code == 202


async def test_one_client_holds_a_part_of_the_places_and_no_more(bench: Bench) -> None:
    agreement = await bench.agreement()
    shared = in_store(bench, bench.staging, uploads=8)

    async with AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(shared.ingest.berths.berth("client:tests", None))
        refused = await post(shared, agreement, b"bytes")
        async with shared.ingest.berths.berth("client:other", None):
            pass
    taken = await post(shared, agreement, b"bytes")

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_deposits_at_once")
    assert int(refused.headers["retry-after"]) > 0
    assert taken.status_code == 202


async def test_deposits_of_one_client_have_a_rate_of_their_own(bench: Bench) -> None:
    agreement = await bench.agreement()
    settings = bench.ingest.settings.model_copy(update={"deposit_rate": 0.001, "deposit_burst": 2})
    slow = replace(bench, ingest=replace(bench.ingest, settings=settings))

    answers = [await post(slow, agreement, bench.sip()) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]


class Storage:
    """What a storage says of its sites; None: it answers with an error."""

    def __init__(self) -> None:
        self.open_bytes: list[int | None] | None = []
        self.answers = asyncio.Event()
        self.answers.set()

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/storage/v1/space")
        async def space() -> dict[str, Any]:
            await self.answers.wait()
            assert self.open_bytes is not None
            return {"sites": [{"open_bytes": one} for one in self.open_bytes]}

        return app


@pytest.fixture
async def storage() -> AsyncIterator[tuple[Storage, str]]:
    (port,) = free_ports(1)
    said = Storage()
    server = uvicorn.Server(uvicorn.Config(said.app(), port=port, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield said, f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


async def test_a_site_that_is_full_refuses_deposits_and_one_of_which_nothing_is_known_does_not(
    bench: Bench, admin_settings: RoomSettings, storage: tuple[Storage, str]
) -> None:
    said, url = storage
    agreement = await bench.agreement()
    calls = RoomCalls(admin_settings.model_copy(update={"room_urls": {"storage": url}}), "ingest")
    asking = in_store(bench, bench.staging, Sites(calls, kept_seconds=0, old_seconds=0))
    answers = []
    told: list[list[int | None] | None] = [[MIB, 0], [MIB, 30, None], [None, None], [MIB, 10 * MIB], [], None]
    for said.open_bytes in told:
        answer = await post(asking, agreement, in_chunks(asking.sip()))
        answers.append(answer.json().get("code", answer.status_code))
    await calls.close()

    assert answers == ["site_full", "site_full", 202, 202, 202, 202]
    assert berths.AIP_OF_SIP > 1


async def test_nobody_waits_for_a_storage_that_hangs_once_it_has_answered(
    admin_settings: RoomSettings, storage: tuple[Storage, str]
) -> None:
    said, url = storage
    calls = RoomCalls(admin_settings.model_copy(update={"room_urls": {"storage": url}}), "ingest")
    sites = Sites(calls, kept_seconds=0)
    said.open_bytes = [MIB]
    first = await sites.open_bytes()
    said.open_bytes = [2 * MIB]
    said.answers.clear()
    try:
        async with asyncio.timeout(adapter.PATIENCE_SECONDS / 2):
            meanwhile = [await sites.open_bytes() for _ in range(3)]
    finally:
        said.answers.set()
    while (later := await sites.open_bytes()) == MIB:
        await asyncio.sleep(0.01)
    await calls.close()

    assert (first, meanwhile, later) == (MIB, [MIB] * 3, 2 * MIB)
