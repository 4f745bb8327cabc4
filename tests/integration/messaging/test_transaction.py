"""One transaction: its writes, its messages and its numbered journal batch, all or nothing."""

import asyncio
from itertools import pairwise

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from shared.database.plumbing import outbox
from shared.identifiers import new_id
from shared.messages.access import DipOrderedV1
from shared.messages.journal import JournalLinesV1, JournalLineV1
from shared.messaging.chain import ZERO_DIGEST, batch_digest
from shared.messaging.delivery import Delivery
from shared.messaging.transaction import RoomDatabase
from tests.servers import Databases

pytestmark = pytest.mark.integration


def a_line(action: str = "something.happened") -> JournalLineV1:
    return JournalLineV1(kind="events", action=action, actor="room:access")


def a_dip_ordered() -> DipOrderedV1:
    return DipOrderedV1(dip_id=new_id(), establishment=new_id())


async def batches(database: RoomDatabase) -> list[JournalLinesV1]:
    query = select(outbox.c.body).where(outbox.c.topic == JournalLinesV1.topic).order_by(outbox.c.message_id)
    async with database.engine.connect() as connection:
        return [JournalLinesV1.model_validate_json(body) for body in await connection.scalars(query)]


async def test_a_rolled_back_transaction_leaves_no_message_and_no_number(databases: Databases) -> None:
    database = databases.room("ingest")

    async def fails() -> None:
        async with database.begin() as tx:
            tx.post(a_dip_ordered())
            tx.journal(a_line())
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        await fails()
    async with database.engine.connect() as connection:
        assert (await connection.execute(select(outbox.c.message_id))).all() == []
    await database.engine.dispose()


async def test_concurrent_transactions_number_and_chain_their_batches_without_a_gap(databases: Databases) -> None:
    database = databases.room("storage")

    async def say(index: int) -> None:
        async with database.begin() as tx:
            tx.journal(a_line(f"thing.{index}"))
            tx.journal(a_line(f"thing.{index}.again"))

    await asyncio.gather(*(say(index) for index in range(20)))

    chain = sorted(await batches(database), key=lambda batch: batch.batch)
    assert [batch.batch for batch in chain] == list(range(1, 21))
    previous = ZERO_DIGEST
    for batch in chain:
        assert batch.previous == previous
        assert batch.sha512 == batch_digest("storage", batch.batch, previous, batch.lines)
        previous = batch.sha512
    await database.engine.dispose()


async def test_listeners_hear_of_commits_only(databases: Databases) -> None:
    database = databases.room("proof")
    heard: list[str] = []
    database.when_posted(lambda posted: heard.extend(delivery.topic for delivery in posted))

    async with database.begin() as tx:
        tx.post(a_dip_ordered())
        assert heard == []
    async with database.begin():
        pass

    assert heard == [DipOrderedV1.topic]
    await database.engine.dispose()


async def test_a_room_cannot_touch_the_schema_of_another(databases: Databases) -> None:
    rows = await databases.as_superuser(
        """SELECT r.rolname, n.nspname FROM pg_roles r, pg_namespace n
           WHERE r.rolname LIKE 'chartrier_%' AND r.rolname <> 'chartrier_owner'
             AND n.nspname IN ('ingest', 'storage', 'data_management', 'access', 'admin', 'proof')
             AND has_schema_privilege(r.oid, n.oid, 'USAGE')"""
    )
    assert {(row["rolname"], row["nspname"]) for row in rows} == {
        (f"chartrier_{room}", room) for room in ("ingest", "storage", "proof")
    }


async def test_two_processes_share_a_chain_without_a_gap(databases: Databases) -> None:
    """Each believes to know where the chain is, until the other has moved it."""
    first, second = databases.room("ingest"), databases.room("ingest")

    async def say(database: RoomDatabase, count: int) -> None:
        for number in range(count):
            async with database.begin() as tx:
                tx.journal(a_line(f"thing.{number}"))

    before = len(await batches(first))
    await say(first, 1)
    await say(second, 2)
    await say(first, 1)
    await asyncio.gather(*(say(database, 5) for database in (first, second) for _ in range(3)))

    chain = sorted(await batches(first), key=lambda batch: batch.batch)
    assert [batch.batch for batch in chain] == list(range(1, before + 35))
    for last, following in pairwise(chain):
        assert following.previous == last.sha512
    for database in (first, second):
        await database.engine.dispose()


async def test_a_commit_that_fails_leaves_the_chain_as_it_was(databases: Databases) -> None:
    database = databases.room("proof")

    async def fails() -> None:
        async with database.begin() as tx:
            tx.journal(a_line("not.said"))
            # Deferred: it is the commit that fails, after the batch had its number.
            await tx.connection.execute(
                text("CREATE TEMPORARY TABLE odd (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            )
            await tx.connection.execute(text("INSERT INTO odd VALUES (1), (1)"))

    async with database.begin() as tx:
        tx.journal(a_line("said"))
    with pytest.raises(IntegrityError):
        await fails()
    async with database.begin() as tx:
        tx.journal(a_line("said.again"))

    chain = sorted(await batches(database), key=lambda batch: batch.batch)
    assert [[line.action for line in batch.lines] for batch in chain] == [["said"], ["said.again"]]
    assert chain[1].previous == chain[0].sha512
    await database.engine.dispose()


async def test_a_message_names_the_one_that_led_to_it(databases: Databases) -> None:
    database = databases.room("proof")
    cause = new_id()
    posted: list[Delivery] = []
    database.when_posted(posted.extend)

    async with database.begin() as tx:
        tx.post(a_dip_ordered(), cause)
        tx.post(a_dip_ordered())

    assert [DipOrderedV1.model_validate_json(one.body).causation_id for one in posted] == [cause, None]
    await database.engine.dispose()
