"""The verdict of a dry run is kept for some days; no deposit is ever removed, whatever asks for it."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, insert
from sqlalchemy.exc import DBAPIError

from services.ingest.arrivals import JUDGE
from services.ingest.domain.transfer import TransferState
from services.ingest.dry_runs import FORGET, forget_dry_runs
from services.ingest.reception import Parcel, receive
from services.ingest.tables import transfer
from services.ingest.wiring import build
from shared.clock import now
from shared.identifiers import new_id
from shared.messaging.local import LocalTransport
from shared.settings import RoomSettings
from tests.builders.callers import SECRET
from tests.integration.ingest.bench import Bench, in_chunks
from tests.integration.ingest.explaining import explained

pytestmark = pytest.mark.integration

WEEK = timedelta(days=7)
OLD, YOUNG = WEEK + timedelta(minutes=1), WEEK - timedelta(minutes=10)


async def add(bench: Bench, state: str, *, ago: timedelta, dry_run: bool = True, number: int = 1) -> set[UUID]:
    """Enter transfers that came to this state so long ago."""
    rows = [
        {
            "id": new_id(),
            "establishment": uuid4(),
            "agreement": uuid4(),
            "agreement_version": 1,
            "depositor": "client:tests",
            "state": state,
            "changed_at": now() - ago,
            "staging_key": "x",
            "size": 1,
            "sha512": uuid4().hex,
            "dry_run": dry_run,
        }
        for _ in range(number)
    ]
    async with bench.database.begin() as tx:
        await tx.connection.execute(insert(transfer), rows)
    return {UUID(str(row["id"])) for row in rows}


async def kept(bench: Bench) -> set[UUID]:
    return {row["id"] for row in await bench.databases.as_superuser("SELECT id FROM ingest.transfer")}


async def test_only_old_dry_runs_that_are_over_go(bench: Bench) -> None:
    await add(bench, "judged", ago=OLD, number=3)
    stay = await add(bench, "judged", ago=YOUNG)
    for state in TransferState:
        stay |= await add(bench, state, ago=OLD, dry_run=False)
    for state in (TransferState.RECEIVED, TransferState.CHECKING):
        stay |= await add(bench, state, ago=OLD)

    assert await forget_dry_runs(WEEK, bench.database) == 3
    assert await forget_dry_runs(WEEK, bench.database) == 0
    assert await kept(bench) == stay


@pytest.mark.parametrize("number", [0, 4, 5], ids=["none", "whole batches", "a batch that is not full"])
async def test_they_go_a_batch_at_a_time_and_all(bench: Bench, number: int) -> None:
    if number:
        await add(bench, "judged", ago=OLD, number=number)

    assert await forget_dry_runs(WEEK, bench.database, at_once=2) == number
    assert await kept(bench) == set()


async def test_two_processes_share_them_and_wait_for_nobody(bench: Bench) -> None:
    held, *_ = await add(bench, "judged", ago=OLD, number=7)

    async with bench.database.begin() as tx:
        # Somebody has one of them in hand.
        await tx.connection.execute(transfer.select().where(transfer.c.id == held).with_for_update())
        async with asyncio.timeout(30):  # never come to, unless they wait for that one
            removed = await asyncio.gather(*(forget_dry_runs(WEEK, bench.database, at_once=2) for _ in range(2)))

    assert sum(removed) == 6
    assert await kept(bench) == {held}


async def test_the_room_does_it_among_its_chores_after_as_many_days_as_are_set(bench: Bench) -> None:
    await add(bench, "judged", ago=timedelta(days=3))
    url, removed = SecretStr(bench.databases.url("ingest")), []

    for days in (4, 2):
        own = bench.ingest.settings.model_copy(update={"dry_run_days": days})
        room = build(RoomSettings(database_url=url, internal_secret=SecretStr(SECRET)), own, LocalTransport())
        (chore,) = [chore for chore in room.chores if chore.name == "dry runs"]
        removed.append(await chore.do(bench.database))
        for close in room.close:
            await close()
        await room.foundation.calls.close()
        await room.foundation.database.engine.dispose()

    assert removed == [0, 1]


async def test_nothing_is_left_of_a_dry_run_but_its_line_in_the_journal(bench: Bench) -> None:
    content = bench.sip()
    parcel = Parcel(in_chunks(content), len(content), {}, "sip.zip", dry_run=True)
    judged, _ = await receive(bench.ingest, await bench.agreement(), "client:tests", parcel)
    assert await forget_dry_runs(timedelta(0), bench.database) == 0  # it goes on
    await bench.workshop.process(await bench.lease(JUDGE))
    assert bench.staged_keys() != set()

    # Forgotten before its bytes are swept: they are all the same.
    assert await forget_dry_runs(timedelta(0), bench.database) == 1
    await bench.sweep()

    assert (await kept(bench), bench.staged_keys(), await bench.work()) == (set(), set(), set())
    assert [line.transfer_id for line in await bench.lines("transfer.judged")] == [judged.id]


@pytest.mark.parametrize(("state", "dry_run"), [("rejected", False), ("judged", False), ("checking", True)])
async def test_the_database_itself_lets_nothing_else_go(bench: Bench, state: str, dry_run: bool) -> None:
    stay = await add(bench, state, ago=OLD, dry_run=dry_run)

    async with bench.database.reading() as connection:
        with pytest.raises(DBAPIError, match="only dry runs that were judged"):
            await connection.execute(delete(transfer))

    assert await kept(bench) == stay


async def test_deposits_are_not_read_to_find_dry_runs(bench: Bench) -> None:
    await add(bench, "accepted", ago=OLD, dry_run=False, number=3000)
    await add(bench, "judged", ago=OLD)
    await bench.databases.as_superuser("ANALYZE ingest.transfer")

    async with bench.database.reading() as connection:
        plan = await explained(connection, FORGET, {"kept": WEEK, "most": 1000})

    assert "ix_transfer_judged" in plan
    assert "Seq Scan" not in plan
