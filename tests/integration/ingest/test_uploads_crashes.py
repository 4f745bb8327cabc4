"""Whatever step of an upload is the last of its process: never a wrong offset, one transfer, nothing left over."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from services.ingest import handlers
from services.ingest.adapters.sites import Sites
from services.ingest.berths import Berths
from services.ingest.measures import measure_uploads
from services.ingest.parts import Ingest
from services.ingest.uploads import assembling, receiving
from services.ingest.uploads.assembling import enter_upload
from services.ingest.uploads.forgetting import (
    FORGET_PIECES,
    ORPHANED_AFTER,
    forget_orphan_pieces,
    forget_pieces,
    forget_uploads,
)
from services.ingest.uploads.receiving import ASSEMBLE
from shared.messages.ingest import SipReceivedV1
from shared.messaging.outcome import TryAgain
from shared.object_store.filesystem import FilesystemStore
from shared.object_store.space import Allowance
from tests.integration.ingest.bench import Bench, Fuse, FusedDatabase, PowerCut
from tests.integration.ingest.uploading import PLACE, TUS, Desk, a_desk, metadata, on_staging
from tests.small_disks import MIB, a_small_disk, fill

pytestmark = pytest.mark.integration

CONTENT = b"what is here when the power goes, and what is not\n" * 1000
HALF = len(CONTENT) // 2


@pytest.fixture
async def desk(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """A desk behind which nobody works but the test."""
    monkeypatch.setattr(assembling, "PATIENCE_SECONDS", 0)
    async with a_desk(bench) as opened:
        yield opened


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with a_small_disk(tmp_path / "small", 12 * MIB) as folder:
        yield folder


def fused(bench: Bench, fuse: Fuse) -> Ingest:
    return Ingest(FusedDatabase(bench.database, fuse), bench.ingest.calls, bench.staging, bench.ingest.settings)


def with_quota(bench: Bench, folder: Path, quota: int) -> Bench:
    """The same bench with so much room in staging, which is measured whenever it is asked for."""
    staging = FilesystemStore(folder, Allowance(reserve=0, quota=quota))
    there = on_staging(bench, staging)
    berths = Berths(bench.database, staging, Sites(bench.ingest.calls), most=10, rest_seconds=0)
    object.__setattr__(there.ingest, "berths", berths)
    return there


async def whole(desk: Desk, **described: str) -> str:
    place = await desk.begin(len(CONTENT), **described)
    for offset in (0, HALF):
        assert (await desk.append(place, offset, CONTENT[offset : offset + HALF])).status_code == 204
    return place


def age(bench: Bench, key: str) -> None:
    path = bench.staging.path_of(key)
    assert path is not None
    long_ago = time.time() - ORPHANED_AFTER.total_seconds() - 60
    os.utime(path, (long_ago, long_ago))


@pytest.mark.parametrize("at", [0, 1], ids=["before its row", "at the commit"])
async def test_a_piece_without_a_row_moves_nothing_on_and_goes_in_the_end(desk: Desk, at: int) -> None:
    bench = desk.bench
    place = await desk.begin(len(CONTENT))
    await desk.append(place, 0, CONTENT[:HALF])
    kept = bench.staged_keys()
    cut = replace(bench, ingest=fused(bench, Fuse(at)))
    async with a_desk(cut, desk.agreement) as dying:
        with pytest.raises(PowerCut):
            await dying.append(place, HALF, CONTENT[HALF:])

    assert await desk.offset(place) == HALF
    (orphan,) = bench.staged_keys() - kept
    assert await forget_orphan_pieces(bench.staging, bench.database) == 0
    for key in (orphan, *kept):
        age(bench, key)
    assert await forget_orphan_pieces(bench.staging, bench.database) == 1
    assert bench.staged_keys() == kept
    # Nobody is kept from going on.
    assert (await desk.append(place, HALF, CONTENT[HALF:])).status_code == 204


async def test_assembling_ends_in_one_transfer_after_whichever_step_it_stopped(desk: Desk) -> None:
    bench = desk.bench
    # Two transactions: that of the transfer, and that of the upload; a power cut before each step, and none.
    for at in (0, 1, 2, 3, None):
        place, fuse = await whole(desk), Fuse(at)
        if at is None:
            await enter_upload(fused(bench, fuse), await bench.lease(ASSEMBLE))
            assert fuse.steps == ["begin", "commit"] * 2
        else:
            with pytest.raises(PowerCut):
                await enter_upload(fused(bench, fuse), await bench.lease(ASSEMBLE))
            assert (await desk.shown(place))["state"] == "assembling"
            await bench.release()
            await enter_upload(bench.ingest, await bench.lease(ASSEMBLE))

        assert (await desk.shown(place))["state"] == "completed"
        assert await desk.transfer_bytes(place) == CONTENT
        (message,) = await bench.told(SipReceivedV1)
        assert (await desk.row(place)).transfer == message.transfer_id
        await forget_pieces(bench.ingest, await bench.lease(FORGET_PIECES))
        assert {key for key in bench.staged_keys() if key.startswith("sips/")} == {message.staging_key}
        await bench.databases.as_superuser("TRUNCATE ingest.transfer, ingest.work, ingest.outbox")
        await bench.staging.delete(message.staging_key)


async def test_an_upload_whose_work_comes_twice_is_one_transfer(desk: Desk) -> None:
    place = await whole(desk)
    held = await desk.bench.lease(ASSEMBLE)
    await enter_upload(desk.bench.ingest, held)

    await desk.bench.databases.as_superuser(
        """INSERT INTO ingest.work (kind, key, payload, not_before)
           SELECT 'assemble', id::text, '{}', now() FROM ingest.upload"""
    )
    await enter_upload(desk.bench.ingest, await desk.bench.lease(ASSEMBLE))

    assert len(await desk.bench.told(SipReceivedV1)) == 1
    assert await desk.transfer_bytes(place) == CONTENT


async def test_what_was_entered_and_has_ended_since_is_not_put_together_again(desk: Desk) -> None:
    bench = desk.bench
    place = await whole(desk)
    # The power goes between the transfer's transaction and the upload's.
    with pytest.raises(PowerCut):
        await enter_upload(fused(bench, Fuse(2)), await bench.lease(ASSEMBLE))
    async with bench.database.begin() as tx:
        await handlers.start_checks(tx, await bench.told(SipReceivedV1))
    await bench.process()
    await bench.sweep()

    await bench.release()
    await enter_upload(bench.ingest, await bench.lease(ASSEMBLE))

    view = await desk.shown(place)
    assert (await bench.transfer(UUID(view["transfer"].rpartition("/")[2]))).state == "rejected"
    assert not {key for key in bench.staged_keys() if key.startswith("sips/")}


async def test_bytes_that_staging_lost_are_asked_for_again(desk: Desk) -> None:
    place = await whole(desk)
    await desk.bench.staging.delete((await desk.pieces(place))[1].key)

    await enter_upload(desk.bench.ingest, await desk.bench.lease(ASSEMBLE))

    view = await desk.shown(place)
    assert (view["state"], view["problem"]["code"]) == ("refused", "upload_lost")
    assert await desk.reasons() == ["upload_lost"]
    assert not {key for key in desk.bench.staged_keys() if key.startswith("sips/")}


async def test_pieces_go_a_few_at_a_time_and_the_rest_after_a_crash(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = desk.bench
    monkeypatch.setattr("services.ingest.uploads.forgetting.FEW", 2)
    place = await desk.begin(100)
    for offset in range(5):
        await desk.append(place, offset, b"x")
    await desk.http.delete(place, headers=TUS)
    held = await bench.lease(FORGET_PIECES)
    # Step 0 is the first object's removal, and so on; the power goes before the fourth.
    dying = Ingest(bench.database, bench.ingest.calls, Fuse(3).on(bench.staging), bench.ingest.settings)
    with pytest.raises(ExceptionGroup):
        await forget_pieces(dying, held)
    assert len(await desk.pieces(place)) == 3

    await forget_pieces(bench.ingest, held)

    assert (await desk.pieces(place), bench.staged_keys(), await bench.work()) == ([], set(), set())


async def test_what_is_over_is_forgotten_after_a_while_once_its_bytes_are_gone(desk: Desk) -> None:
    bench, hour = desk.bench, timedelta(hours=1)
    place, going_on = await desk.begin(100), await desk.begin(100)
    await desk.append(place, 0, b"x")
    await desk.http.delete(place, headers=TUS)
    await bench.databases.as_superuser("UPDATE ingest.upload SET changed_at = now() - interval '2 h'")

    assert await forget_uploads(hour, bench.database) == 0
    await forget_pieces(bench.ingest, await bench.lease(FORGET_PIECES))
    assert await forget_uploads(timedelta(hours=3), bench.database) == 0
    assert await forget_uploads(hour, bench.database) == 1

    assert (await desk.http.get(place)).status_code == 404
    assert (await desk.http.get(going_on)).status_code == 200


async def test_an_upload_in_too_many_pieces_is_refused_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "MOST_PIECES", 3)
    place = await desk.begin(100)
    for offset in range(3):
        assert (await desk.append(place, offset, b"x")).status_code == 204

    answer = await desk.append(place, 3, b"x")

    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_pieces")
    assert await desk.offset(place) == 3


async def test_a_client_may_leave_so_many_uploads_unfinished(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "MOST_OPEN", 2)
    places = [await desk.begin(100), await desk.begin(100)]
    headers = {**TUS, "Upload-Length": "1", "Upload-Metadata": metadata(agreement=str(desk.agreement.id))}

    answer = await desk.http.post(PLACE, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_uploads")

    await desk.http.delete(places[0], headers=TUS)
    assert (await desk.http.post(PLACE, headers=headers)).status_code == 201


async def test_what_lies_in_pieces_is_reckoned_with_and_what_does_not_fit_is_refused(
    desk: Desk, tmp_path: Path
) -> None:
    there = with_quota(desk.bench, tmp_path / "staging", 20 * MIB)
    async with a_desk(there, desk.agreement) as small:
        told = {**TUS, "Upload-Metadata": metadata(agreement=str(desk.agreement.id))}
        refused = await small.http.post(PLACE, headers={**told, "Upload-Length": str(9 * MIB)})
        assert (refused.status_code, refused.json()["code"]) == (507, "staging_full")

        # 7 MiB are reckoned to need 17.5 of 20; once 3 of them have come, 3 lie there and 4.5 are owed to them.
        first, second = await small.begin(7 * MIB), await small.begin(7 * MIB)
        assert (await small.append(first, 0, bytes(3 * MIB))).status_code == 204
        await there.ingest.berths.staging.look()
        space = there.ingest.berths.staging.space
        assert space is not None
        assert (space.free, space.owed) == (17 * MIB, int(4.5 * MIB))
        too_much = await small.append(second, 0, bytes(6 * MIB))
        assert (too_much.status_code, too_much.json()["code"]) == (507, "staging_full")
        assert (await small.append(second, 0, bytes(4 * MIB))).status_code == 204
    assert await desk.reasons() == ["staging_full"] * 2


async def test_bytes_that_come_in_pieces_are_reckoned_with_once(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ingest.domain.upload.LEAST_PIECE", MIB)
    there = with_quota(desk.bench, tmp_path / "staging", 20 * MIB)
    go_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield bytes(4 * MIB)
        await go_on.wait()
        yield bytes(2 * MIB)

    async with a_desk(there, desk.agreement) as small:
        first, second = await small.begin(6 * MIB), await small.begin(int(1.5 * MIB))
        appending = asyncio.create_task(small.append(first, 0, body()))
        async with asyncio.timeout(30):
            while await small.offset(first) < 4 * MIB:
                await asyncio.sleep(0.01)

        # 15 of 20 MiB are reckoned for the first, whether they come, lie in pieces, or are owed to its AIP.
        assert (await small.append(second, 0, bytes(int(1.5 * MIB)))).status_code == 204
        go_on.set()
        assert (await appending).status_code == 204


async def test_no_room_for_the_whole_is_waited_for_and_refused_to_nobody(desk: Desk, small_disk: Path) -> None:
    staging = FilesystemStore(small_disk, Allowance(reserve=0))
    await staging.prepare()
    there = on_staging(desk.bench, staging)
    async with a_desk(there, desk.agreement) as small:
        place = await small.begin(4 * MIB)
        assert (await small.append(place, 0, bytes(4 * MIB))).status_code == 204
        fill(small_disk, 2 * MIB)
        held = await there.lease(ASSEMBLE)
        with pytest.raises(TryAgain):
            await enter_upload(there.ingest, held)
        assert (await small.shown(place))["state"] == "assembling"

        (small_disk / "ballast").unlink()
        await enter_upload(there.ingest, held)

        assert await small.transfer_bytes(place) == bytes(4 * MIB)
    assert await desk.reasons() == []


async def test_uploads_under_way_are_told(desk: Desk) -> None:
    await desk.begin(10)
    place = await desk.begin(100)
    await desk.append(place, 0, b"12345")

    await measure_uploads(desk.bench.database)

    def sample(name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(f"chartrier_{name}", labels)

    assert (sample("uploads", state="receiving"), sample("uploads", state="assembling")) == (2, 0)
    assert sample("upload_bytes") == 5
    assert 0 <= (sample("uploads_oldest_seconds", state="receiving") or 0) < 600
