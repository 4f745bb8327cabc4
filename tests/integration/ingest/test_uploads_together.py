"""One request at a time appends to an upload; who dies holds it for a while only; who comes too late adds nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from services.ingest.uploads import leasing, receiving
from services.ingest.uploads.forgetting import expire
from tests.integration.ingest.bench import Bench
from tests.integration.ingest.uploading import TUS, Desk, a_desk, upload_id, working

pytestmark = pytest.mark.integration

CONTENT = b"what comes in one request, or in two at once\n" * 1000
HALF = len(CONTENT) // 2


@pytest.fixture
async def desk(bench: Bench) -> AsyncIterator[Desk]:
    async with working(bench), a_desk(bench) as opened:
        yield opened


class Body:
    """A body of which the first half comes at once, and the rest when the test lets it."""

    def __init__(self, content: bytes) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        middle = len(self._content) // 2
        yield self._content[:middle]
        # Asked for more: what came before is in the hands of whoever appends.
        self.begun.set()
        await self.go_on.wait()
        yield self._content[middle:]


async def begun(desk: Desk, place: str, offset: int, body: Body) -> "asyncio.Task[httpx.Response]":
    task = asyncio.create_task(desk.append(place, offset, body))
    async with asyncio.timeout(30):
        await body.begun.wait()
    return task


async def change(desk: Desk, place: str, how: str) -> None:
    await desk.bench.databases.as_superuser(
        f"UPDATE ingest.upload SET {how} WHERE id = '{upload_id(place)}'"  # noqa: S608 (words of our own)
    )


async def test_while_one_request_appends_another_is_told_to_wait(desk: Desk) -> None:
    place, body = await desk.begin(len(CONTENT)), Body(CONTENT)
    first = await begun(desk, place, 0, body)

    second = await desk.append(place, 0, CONTENT)

    assert (second.status_code, second.json()["code"]) == (423, "upload_locked")
    assert int(second.headers["retry-after"]) > 0
    body.go_on.set()
    assert (await first).status_code == 204
    assert await desk.transfer_bytes(place) == CONTENT


async def test_of_many_at_once_one_wins_and_the_bytes_are_there_once(desk: Desk) -> None:
    place = await desk.begin(len(CONTENT))

    answers = await asyncio.gather(*(desk.append(place, 0, CONTENT) for _ in range(6)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 204
    assert set(statuses[1:]) <= {409, 423}
    assert await desk.transfer_bytes(place) == CONTENT


async def test_a_request_that_died_holds_an_upload_no_longer_than_its_lease(desk: Desk) -> None:
    place, body = await desk.begin(len(CONTENT)), Body(CONTENT[:HALF])
    frozen = await begun(desk, place, 0, body)
    await change(desk, place, "leased_until = now() - interval '1 s'")

    successor = await desk.append(place, 0, CONTENT[:HALF])
    assert successor.status_code == 204
    body.go_on.set()
    late = await frozen

    # It wakes up, and what it brings is not added a second time.
    assert (late.status_code, late.json()["code"]) == (409, "wrong_offset")
    assert desk.bench.staged_keys() == {piece.key for piece in await desk.pieces(place)}
    await desk.append(place, HALF, CONTENT[HALF:])
    assert await desk.transfer_bytes(place) == CONTENT


async def test_a_request_that_lives_keeps_its_upload_however_long_it_takes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leasing, "LEASE", timedelta(seconds=0.15))  # how often it is renewed; not for how long
    place, body = await desk.begin(len(CONTENT)), Body(CONTENT)
    appending = await begun(desk, place, 0, body)
    await change(desk, place, "leased_until = now() - interval '1 s'")

    async with asyncio.timeout(30):
        while not await desk.bench.databases.as_superuser("SELECT 1 FROM ingest.upload WHERE leased_until > now()"):
            await asyncio.sleep(0.01)
    assert (await desk.append(place, 0, CONTENT)).status_code == 423
    body.go_on.set()
    assert (await appending).status_code == 204


async def test_a_request_whose_upload_was_deleted_is_told_at_its_next_bytes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leasing, "LEASE", timedelta(seconds=0.15))
    place, told = await desk.begin(10**9), asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while not told.is_set():
            yield bytes(1000)
            await asyncio.sleep(0.01)

    appending = asyncio.create_task(desk.append(place, 0, endless()))
    async with asyncio.timeout(30):
        while (await desk.row(place)).epoch == 0:
            await asyncio.sleep(0.01)
        assert (await desk.http.delete(place, headers=TUS)).status_code == 204
        answer = await appending
    told.set()

    assert (answer.status_code, answer.json()["code"]) == (410, "upload_terminated")
    assert desk.bench.staged_keys() == set()


async def test_who_was_taken_for_dead_takes_nothing_from_its_successor(desk: Desk) -> None:
    place, frozen_body, body = await desk.begin(len(CONTENT)), Body(CONTENT[:HALF]), Body(CONTENT)
    frozen = await begun(desk, place, 0, frozen_body)
    await change(desk, place, "leased_until = now() - interval '1 s'")
    successor = await begun(desk, place, 0, body)

    frozen_body.go_on.set()
    late = await frozen

    # Neither its bytes count, nor does its end let a third one in.
    assert (late.status_code, late.json()["code"]) == (423, "upload_locked")
    assert (await desk.append(place, 0, CONTENT)).status_code == 423
    body.go_on.set()
    assert (await successor).status_code == 204
    assert await desk.transfer_bytes(place) == CONTENT


async def test_an_upload_deleted_under_a_request_takes_nothing_more(desk: Desk) -> None:
    place, body = await desk.begin(len(CONTENT)), Body(CONTENT)
    appending = await begun(desk, place, 0, body)

    assert (await desk.http.delete(place, headers=TUS)).status_code == 204
    body.go_on.set()

    answer = await appending
    assert (answer.status_code, answer.json()["code"]) == (410, "upload_terminated")
    await desk.until_forgotten(place)
    assert desk.bench.staged_keys() == set()


async def test_an_upload_that_rests_for_too_long_expires_with_its_bytes_and_a_line(desk: Desk) -> None:
    place = await desk.begin(len(CONTENT))
    await desk.append(place, 0, CONTENT[:HALF])
    young = await desk.begin(10)
    await change(desk, place, "expires_at = now() - interval '1 s'")

    # It is over before anybody has noted so.
    assert (await desk.http.head(place, headers=TUS)).status_code == 410
    late = await desk.append(place, HALF, CONTENT[HALF:])
    assert (late.status_code, late.json()["code"]) == (410, "upload_expired")
    assert (await desk.shown(place))["state"] == "expired"
    assert await expire(desk.bench.database) == 1
    assert await expire(desk.bench.database) == 0

    await desk.until_forgotten(place)
    assert desk.bench.staged_keys() == set()
    (line,) = await desk.bench.lines("transfer.refused")
    assert (line.actor, line.establishment) == ("client:tests", desk.agreement.establishment)
    assert line.details == {"reason": "upload_expired", "agreement": str(desk.agreement.id)}
    assert ((await desk.shown(place))["state"], (await desk.shown(young))["state"]) == ("expired", "receiving")


async def test_an_upload_does_not_expire_under_a_request(desk: Desk) -> None:
    place, body = await desk.begin(len(CONTENT)), Body(CONTENT[:HALF])
    appending = await begun(desk, place, 0, body)
    await change(desk, place, "expires_at = now() - interval '1 s'")

    assert await expire(desk.bench.database) == 0
    body.go_on.set()

    assert (await appending).status_code == 204
    # What came has prolonged it.
    assert await desk.offset(place) == HALF


async def test_an_upload_that_somebody_has_at_this_moment_does_not_expire_in_it(desk: Desk) -> None:
    place = await desk.begin(len(CONTENT))
    await change(desk, place, "expires_at = now() - interval '1 s'")
    async with desk.bench.database.engine.begin() as other:
        await other.execute(text("SELECT 1 FROM upload WHERE id = :id FOR UPDATE"), {"id": upload_id(place)})
        assert await expire(desk.bench.database) == 0
    assert await expire(desk.bench.database) == 1


async def test_a_request_whose_line_fell_silent_lets_go_and_another_goes_on_from_what_it_brought(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "STALL_SECONDS", 0.2)
    place, body = await desk.begin(len(CONTENT)), Body(CONTENT)

    answer = await (await begun(desk, place, 0, body))
    rest = await desk.append(place, HALF, CONTENT[HALF:])

    assert (answer.status_code, answer.json()["code"]) == (408, "too_slow")
    assert rest.status_code == 204
    assert await desk.transfer_bytes(place) == CONTENT


async def test_two_who_delete_an_upload_at_one_moment_have_both_deleted_it(desk: Desk) -> None:
    place = await desk.begin(len(CONTENT))
    await desk.append(place, 0, CONTENT[:HALF])

    answers = await asyncio.gather(*(desk.http.delete(place, headers=TUS) for _ in range(4)))

    assert {answer.status_code for answer in answers} <= {204, 410}
    assert "upload_terminated" in await desk.reasons()


async def test_a_request_that_cannot_be_read_is_answered_in_the_version_of_tus_too(desk: Desk) -> None:
    place = await desk.begin(len(CONTENT))

    answer = await desk.append(place, 0, b"", Upload_Offset="-1")

    assert (answer.status_code, answer.headers["tus-resumable"]) == (422, "1.0.0")
