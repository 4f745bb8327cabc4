"""The database of proof, fresh for each module, and the room on it."""

from collections.abc import AsyncIterator

import pytest

from services.local.postgres import Postgres
from services.proof.handlers import QUEUE, keep_lines
from shared.messages.journal import JournalLinesV1
from shared.messaging.consumer import Consumer
from shared.messaging.transaction import RoomDatabase
from tests.servers import Databases, fresh


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("proof",))


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[RoomDatabase]:
    room = databases.room("proof")
    yield room
    await room.engine.dispose()


@pytest.fixture
def consumer(database: RoomDatabase) -> Consumer:
    return Consumer(QUEUE, database, {JournalLinesV1: keep_lines})
