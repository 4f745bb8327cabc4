"""What an operator does to work, what the watchdog names, and what housekeeping removes."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from sqlalchemy import insert, select

from shared.clock import now
from shared.database.plumbing import inbox, outbox
from shared.gauges import measure_queues
from shared.identifiers import new_id
from shared.messages.journal import JournalLinesV1
from shared.messaging.housekeeping import BATCH, REMEMBERED, first_id_at, prune_inbox
from shared.messaging.interventions import abandon, resume
from shared.messaging.lease import Lease, Piece
from shared.messaging.transaction import RoomDatabase
from shared.messaging.watchdog import STUCK_SECONDS, name_stuck, stuck, stuck_counts, watched
from shared.messaging.work import StaleLease, enqueue, finish, lease, postpone, renew
from shared.messaging.workers import WorkLoop
from tests.servers import Databases

pytestmark = pytest.mark.integration

ACTOR = "operator:command"


@pytest_asyncio.fixture
async def database(databases: Databases) -> AsyncIterator[RoomDatabase]:
    await databases.as_superuser("TRUNCATE storage.work, storage.outbox, storage.inbox, storage.journal_head")
    room = databases.room("storage")
    yield room
    await room.engine.dispose()


async def ask(database: RoomDatabase, *keys: str) -> None:
    async with database.begin() as tx:
        await enqueue(tx, "copy", *(Piece(key) for key in keys))


async def aged(databases: Databases, key: str, change: str = "attempts = attempts") -> None:
    """Let work be asked for, and due, longer ago than work may take; then change it further."""
    await databases.as_superuser(
        f"""UPDATE storage.work SET created_at = created_at - interval '{STUCK_SECONDS + 60} seconds',
            not_before = not_before - interval '{STUCK_SECONDS + 60} seconds' WHERE key = $1""",  # noqa: S608
        key,
    )
    await databases.as_superuser(f"UPDATE storage.work SET {change} WHERE key = $1", key)  # noqa: S608


async def actions(database: RoomDatabase) -> list[tuple[str, str | None]]:
    query = select(outbox.c.body).where(outbox.c.topic == JournalLinesV1.topic).order_by(outbox.c.message_id)
    async with database.reading() as connection:
        batches = [JournalLinesV1.model_validate_json(body) for body in await connection.scalars(query)]
    return [(line.action, line.object) for batch in batches for line in batch.lines]


async def test_abandoned_work_is_taken_from_its_worker_and_given_to_nobody(
    database: RoomDatabase, databases: Databases
) -> None:
    await ask(database, "a", "b")
    [held] = await lease(database, ["copy"], 1)

    async with database.begin() as tx:
        assert await abandon(tx, ACTOR, [held.id, 424242]) == [held.id]

    assert await renew(database, [held]) == set()
    for act in (finish, lambda tx, one: postpone(tx, one, "late")):
        with pytest.raises(StaleLease):
            async with database.begin() as tx:
                await act(tx, held)
    await ask(database, held.key)  # asked for again, it is still abandoned
    assert [one.key for one in await lease(database, ["copy"], 10)] == ["b"]
    assert await actions(database) == [("work.abandoned", "a")]
    [row] = await databases.as_superuser("SELECT not_before::text, epoch FROM storage.work WHERE key = 'a'")
    assert dict(row) == {"not_before": "infinity", "epoch": held.epoch + 1}


async def test_a_loop_lets_go_of_work_that_is_abandoned_under_it(database: RoomDatabase) -> None:
    begun, let_go = asyncio.Event(), asyncio.Event()
    given: list[Lease] = []

    async def hangs(held: Lease) -> None:
        given.append(held)
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            let_go.set()

    loop = asyncio.create_task(WorkLoop(database, {"copy": hangs}, slots=1, lease_seconds=0.6).run())
    await ask(database, "a")
    async with asyncio.timeout(20):
        await begun.wait()
        async with database.begin() as tx:
            await abandon(tx, ACTOR, [given[0].id])
        await let_go.wait()
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)

    async with database.reading() as connection:
        [seen] = await watched(connection, only_stuck=True)
    assert (seen.key, seen.state, len(given)) == ("a", "abandoned", 1)


async def test_resumed_work_begins_anew_and_its_last_worker_records_nothing(
    database: RoomDatabase, databases: Databases
) -> None:
    await ask(database, "a", "b")
    hung, abandoned = await lease(database, ["copy"], 2)
    async with database.begin() as tx:
        await abandon(tx, ACTOR, [abandoned.id])
    await databases.as_superuser("UPDATE storage.work SET attempts = 99, last_error = 'site away'")

    async with database.begin() as tx:
        assert await resume(tx, ACTOR, [hung.id, abandoned.id]) == [hung.id, abandoned.id]

    again = await lease(database, ["copy"], 10)
    assert {(one.key, one.attempts) for one in again} == {("a", 1), ("b", 1)}
    for late in (hung, abandoned):
        with pytest.raises(StaleLease):
            async with database.begin() as tx:
                await finish(tx, late)
    assert (await actions(database))[1:] == [("work.resumed", "a"), ("work.resumed", "b")]


async def test_the_watchdog_names_work_that_should_be_over_by_now(
    database: RoomDatabase, databases: Databases, caplog: pytest.LogCaptureFixture
) -> None:
    await ask(database, "fresh", "nobody takes it", "hangs", "fails", "has just failed", "abandoned")
    async with database.begin() as tx:
        await enqueue(tx, "copy", Piece("meant for later", not_before=now() + timedelta(days=7)))
    await aged(databases, "nobody takes it")
    await aged(databases, "hangs", "leased_until = now() + interval '30 seconds', attempts = 1")
    await aged(databases, "fails", "not_before = now() + interval '60 seconds', attempts = 70, last_error = 'x'")
    await aged(databases, "has just failed", "attempts = 1, last_error = 'x'")
    await aged(databases, "abandoned", "not_before = 'infinity'")

    async with database.reading() as connection:
        named = await stuck(connection)
        counted = await stuck_counts(connection)
        of_operator = await watched(connection, only_stuck=True)
        everything = {one.key: one for one in await watched(connection, only_stuck=False)}
        of_other_kind = await watched(connection, only_stuck=False, kind="other")
    with caplog.at_level(logging.WARNING):
        await name_stuck(database)

    assert {one.key: one.state for one in named} == {
        "nobody takes it": "ready",
        "hangs": "held",
        "fails": "waiting",
    }
    assert counted == {"copy": 3}
    assert {one.key for one in of_operator} == {*(one.key for one in named), "abandoned"}
    assert everything["abandoned"].seconds > STUCK_SECONDS
    assert everything["meant for later"].seconds < 0
    assert (len(everything), of_other_kind) == (7, [])
    assert [record.__dict__["key"] for record in caplog.records] == [one.key for one in named]


async def test_abandoned_work_is_counted_and_no_longer_ages(database: RoomDatabase, databases: Databases) -> None:
    await ask(database, "a")
    await aged(databases, "a", "not_before = 'infinity'")

    await measure_queues(database)

    labels = {"room": "storage", "kind": "copy"}
    assert REGISTRY.get_sample_value("chartrier_work_rows", labels) == 1
    assert REGISTRY.get_sample_value("chartrier_work_oldest_seconds", labels) == 0


async def test_the_inbox_forgets_what_can_come_no_more(database: RoomDatabase) -> None:
    long_ago = now() - REMEMBERED - timedelta(hours=1)
    oldest = first_id_at(long_ago).int
    old = [
        {"message_id": UUID(int=oldest + number), "consumer": "storage.q", "handled_at": long_ago}
        for number in range(BATCH + 5)
    ]
    late = {"message_id": UUID(int=oldest - 1), "consumer": "storage.q", "handled_at": now()}
    young = {"message_id": new_id(), "consumer": "storage.q", "handled_at": long_ago}
    async with database.begin() as tx:
        await tx.connection.execute(insert(inbox), [*old, late, young])
        # Another process at the same rows: what it holds is left to it.
        held = select(inbox.c.message_id).where(inbox.c.message_id == old[0]["message_id"]).with_for_update()
    async with database.engine.begin() as other:
        await other.execute(held)
        assert await prune_inbox(database) == BATCH + 4
    assert await prune_inbox(database) == 1

    async with database.reading() as connection:
        left = set((await connection.scalars(select(inbox.c.message_id))).all())
    assert left == {late["message_id"], young["message_id"]}


def test_identifiers_of_a_moment_sort_after_its_first() -> None:
    before, made, after = now() - timedelta(seconds=1), new_id(), now() + timedelta(seconds=1)

    assert first_id_at(before) < made < first_id_at(after)
