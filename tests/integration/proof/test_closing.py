"""Containers of lines: closed by age and by count, the same bytes whatever dies or runs beside, told of once."""

import asyncio
import hashlib
import os
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select

from services.proof import closing, container_queries, queries
from services.proof.closing import Closer, close_due
from services.proof.domain import containers
from services.proof.domain.line import Head
from services.proof.domain.verification import ChainCheck, StoredLine
from services.proof.handlers import CLOSE
from services.proof.measures import measure_overdue
from shared import faults
from shared.clock import now
from shared.database.plumbing import outbox
from shared.identity.caller import Scope
from shared.messages.proof import JournalClosedV1
from shared.messages.storage import JournalStoredV1
from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.outcome import DONE, TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import lease
from shared.object_store.errors import NoSuchObject
from shared.object_store.filesystem import FilesystemStore
from tests.builders.journal import Sender, a_line
from tests.servers import Databases

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("nothing_yet")]

DAY = timedelta(hours=24)


class Died(Exception):
    """The process was killed here."""


@pytest.fixture
def closer(database: RoomDatabase, staging: FilesystemStore) -> Closer:
    return Closer(database, staging)


@pytest.fixture
def few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers of four lines, read two at a time."""
    monkeypatch.setattr(containers, "MOST_LINES", 4)
    monkeypatch.setattr(container_queries, "MOST_LINES", 4)
    monkeypatch.setattr(closing, "PAGE", 2)


@pytest.fixture
def dies_at(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    place: str = request.param

    def strike(name: str) -> None:
        if name == place:
            raise Died(name)

    monkeypatch.setattr(faults, "strike", strike)
    return place


class Room:
    """A sender whose lines are kept."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._sender = Sender(f"room-{uuid4()}")
        self.establishment = uuid4()
        self.journal = f"archives.{self.establishment}"

    async def tells(self, lines: int, *, size: int = 0) -> None:
        told = [a_line(establishment=self.establishment, details={"x": "y" * size}) for _ in range(lines)]
        message = self._sender.says(*told)
        delivery = Delivery(message.message_id, message.topic, message.model_dump_json().encode())
        assert await self._consumer.handle([delivery]) == [DONE]


@pytest.fixture
def room(consumer: Consumer) -> Room:
    return Room(consumer)


async def told(database: RoomDatabase) -> list[JournalClosedV1]:
    query = select(outbox.c.body).where(outbox.c.topic == JournalClosedV1.topic).order_by(outbox.c.message_id)
    async with database.reading() as connection:
        return [JournalClosedV1.model_validate_json(body) for body in await connection.scalars(query)]


async def content(staging: FilesystemStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in await staging.open_range(key)])


async def line_bodies(database: RoomDatabase, journal: str) -> list[bytes]:
    async with database.engine.connect() as connection:
        found = await queries.find_journal(connection, Scope(None), journal)
        assert found is not None
        return [line.body for line in await queries.lines_after(connection, found.id, 0, 100_000)]


async def test_a_container_is_the_lines_themselves_one_a_row(
    room: Room, closer: Closer, database: RoomDatabase, staging: FilesystemStore
) -> None:
    await room.tells(3)

    await closer.close_journal(room.journal, whole=True)

    (message,) = await told(database)
    kept = await content(staging, message.staging_key)
    bodies = await line_bodies(database, room.journal)
    assert kept == b"".join(body + b"\n" for body in bodies)
    assert (message.sha512, message.size) == (hashlib.sha512(kept).hexdigest(), len(kept))
    assert (message.journal, message.kind, message.establishment) == (room.journal, "archives", room.establishment)
    assert (message.number, message.first, message.last) == (1, 1, 3)
    assert message.head == hashlib.sha512(bodies[-1]).hexdigest()


@pytest.mark.usefixtures("few_lines")
async def test_containers_alone_give_back_a_journal_that_verifies(
    room: Room, closer: Closer, database: RoomDatabase, staging: FilesystemStore
) -> None:
    for lines in (3, 4, 6):
        await room.tells(lines)
        await closer.close_journal(room.journal, whole=True)

    messages = await told(database)
    assert [(one.number, one.first, one.last) for one in messages] == [(1, 1, 3), (2, 4, 7), (3, 8, 11), (4, 12, 13)]
    check = ChainCheck(room.journal, Head())
    for one in messages:
        rows = (await content(staging, one.staging_key)).removesuffix(b"\n").split(b"\n")
        lines_of = [
            StoredLine(number, hashlib.sha512(body).digest(), body) for number, body in enumerate(rows, one.first)
        ]
        assert check.feed(lines_of) == []
        assert check.end == Head(one.last, one.head)


async def test_no_container_is_longer_than_its_bytes_allow(
    room: Room, closer: Closer, database: RoomDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_queries, "MOST_BYTES", 5_000)
    await room.tells(4, size=1_000)
    await room.tells(1, size=9_000)

    await closer.close_journal(room.journal, whole=True)

    messages = await told(database)
    # The line that no container could hold has one of its own.
    assert [(one.first, one.last) for one in messages] == [(1, 2), (3, 4), (5, 5)]
    assert all(one.size <= 5_000 for one in messages[:-1])


async def due(database: RoomDatabase) -> list[str]:
    await close_due(DAY, database)
    return [held.key for held in await lease(database, [CLOSE], 100)]


async def test_new_lines_leave_once_a_day(
    room: Room, closer: Closer, database: RoomDatabase, databases: Databases
) -> None:
    await room.tells(1)
    await close_due(DAY, database)
    (held,) = await lease(database, [CLOSE], 100)
    await closer.close(held)
    await room.tells(1)

    assert await due(database) == []

    await databases.as_superuser("UPDATE proof.container SET closed_at = closed_at - interval '23 hours'")
    assert await due(database) == [room.journal]


async def test_a_journal_without_new_lines_is_left_alone(
    room: Room, closer: Closer, database: RoomDatabase, databases: Databases
) -> None:
    await room.tells(1)
    await closer.close_journal(room.journal, whole=True)
    await databases.as_superuser("UPDATE proof.container SET closed_at = closed_at - interval '9 days'")

    assert await due(database) == []
    assert await closer.close_journal(room.journal, whole=True) == []
    assert len(await told(database)) == 1


@pytest.mark.usefixtures("few_lines")
async def test_lines_that_fill_a_container_leave_at_once(room: Room, closer: Closer, database: RoomDatabase) -> None:
    await room.tells(3)
    assert await lease(database, [CLOSE], 100) == []

    await room.tells(3)

    (held,) = await lease(database, [CLOSE], 100)
    await closer.close(held)
    # What does not fill one waits for its day.
    assert [(one.first, one.last) for one in await told(database)] == [(1, 4)]
    assert await lease(database, [CLOSE], 100) == []


@pytest.mark.parametrize("dies_at", ["proof.close.planned", "proof.close.staged", "proof.close.told"], indirect=True)
@pytest.mark.usefixtures("dies_at")
async def test_whatever_dies_the_next_writes_the_same_bytes_and_they_are_told_of_once(
    room: Room,
    closer: Closer,
    database: RoomDatabase,
    staging: FilesystemStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await room.tells(3)
    with pytest.raises(Died):
        await closer.close_journal(room.journal, whole=True)
    monkeypatch.setattr(faults, "strike", None)
    # More lines came meanwhile: they are in the next.
    await room.tells(2)

    await closer.close_journal(room.journal, whole=True)

    messages = await told(database)
    assert [(one.number, one.first, one.last) for one in messages] == [(1, 1, 3), (2, 4, 5)]
    bodies = await line_bodies(database, room.journal)
    assert await content(staging, messages[0].staging_key) == b"".join(body + b"\n" for body in bodies[:3])
    left = await staging.left_behind("journals", now() + DAY, 10)
    assert sorted(left) == [one.staging_key for one in messages]


@pytest.mark.usefixtures("few_lines")
async def test_two_at_once_close_each_line_once(
    room: Room, closer: Closer, database: RoomDatabase, staging: FilesystemStore
) -> None:
    await room.tells(25)
    other = Closer(database, staging)

    async def more() -> None:
        for _ in range(5):
            await room.tells(3)

    await asyncio.gather(
        closer.close_journal(room.journal, whole=True), other.close_journal(room.journal, whole=True), more()
    )
    await closer.close_journal(room.journal, whole=True)

    messages = sorted(await told(database), key=lambda one: one.number)
    numbers = [number for one in messages for number in range(one.first, one.last + 1)]
    assert numbers == list(range(1, 41))
    assert [one.number for one in messages] == list(range(1, len(messages) + 1))


def stored(message: JournalClosedV1) -> JournalStoredV1:
    return JournalStoredV1(journal=message.journal, number=message.number, sha512=message.sha512)


async def test_staging_forgets_what_every_site_has(
    room: Room, closer: Closer, database: RoomDatabase, staging: FilesystemStore
) -> None:
    await room.tells(2)
    await closer.close_journal(room.journal, whole=True)
    (message,) = await told(database)

    for _ in range(2):
        async with database.begin() as tx:
            await closer.forget_stored(tx, [stored(message)])

    with pytest.raises(NoSuchObject):
        await staging.stat(message.staging_key)
    async with database.reading() as connection:
        assert await container_queries.awaited(connection, timedelta(0), 10) == []


async def test_what_comes_to_staging_after_every_site_has_it_goes_a_day_later(
    room: Room, closer: Closer, database: RoomDatabase, staging: FilesystemStore
) -> None:
    for _ in range(2):
        await room.tells(1)
        await closer.close_journal(room.journal, whole=True)
    late, awaited = [staging.path_of(message.staging_key) for message in await told(database)]
    assert late is not None
    assert awaited is not None
    async with database.begin() as tx:
        await container_queries.note_stored(tx.connection, stored((await told(database))[0]))
    assert await closer.forget_orphans(database) == 0

    for path in (late, awaited):
        os.utime(path, (0, 0))

    assert await closer.forget_orphans(database) == 1
    assert (late.exists(), awaited.exists()) == (False, True)


async def test_word_of_other_bytes_removes_nothing(
    room: Room, closer: Closer, database: RoomDatabase, staging: FilesystemStore
) -> None:
    await room.tells(2)
    await closer.close_journal(room.journal, whole=True)
    (message,) = await told(database)

    async with database.begin() as tx:
        await closer.forget_stored(tx, [stored(message).model_copy(update={"sha512": "0" * 128})])

    assert (await staging.stat(message.staging_key)).size == message.size


@pytest.mark.parametrize("harm", ["gone", "spoilt"])
async def test_what_staging_lost_before_storage_had_it_is_put_there_again(
    harm: str, room: Room, closer: Closer, database: RoomDatabase, databases: Databases, staging: FilesystemStore
) -> None:
    await room.tells(2)
    await closer.close_journal(room.journal, whole=True)
    (message,) = await told(database)
    await databases.as_superuser("UPDATE proof.container SET closed_at = closed_at - interval '2 hours'")
    await staging.delete(message.staging_key)
    if harm == "spoilt":
        await staging.put(message.staging_key, b"other bytes")

    assert await closer.mend_staging(database) == 1

    assert (await staging.sha512(message.staging_key)).sha512 == message.sha512
    assert await closer.mend_staging(database) == 0


async def test_while_staging_is_away_lines_are_kept_and_containers_wait(
    room: Room, database: RoomDatabase, tmp_path: Path
) -> None:
    (tmp_path / "no-folder").write_bytes(b"")
    away = FilesystemStore(tmp_path / "no-folder")
    await room.tells(2)
    await close_due(DAY, database)
    (held,) = await lease(database, [CLOSE], 100)

    with pytest.raises(TryAgain):
        await Closer(database, away).close(held)

    await room.tells(1)
    assert await told(database) == []
    await away.close()


async def test_lines_are_late_from_a_period_after_they_were_recorded_until_every_site_has_them(
    room: Room, closer: Closer, database: RoomDatabase
) -> None:
    async def late(period: timedelta) -> float:
        await measure_overdue(period, database)
        return REGISTRY.get_sample_value("chartrier_journal_overdue_seconds") or 0.0

    assert await late(-DAY) == 0
    await room.tells(1)
    assert await late(DAY) == 0
    # A day that has passed, so to speak.
    assert await late(-DAY) == pytest.approx(DAY.total_seconds(), abs=60)

    await closer.close_journal(room.journal, whole=True)
    assert await late(-DAY) > 0

    (message,) = await told(database)
    async with database.begin() as tx:
        await closer.forget_stored(tx, [stored(message)])
    assert await late(-DAY) == 0
