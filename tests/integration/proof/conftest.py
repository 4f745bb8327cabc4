"""The database of proof, fresh for each module, and the room on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.local.postgres import Postgres
from services.proof.handlers import QUEUE, keep_lines
from shared.messages.journal import JournalLinesV1
from shared.messaging.consumer import Consumer
from shared.messaging.transaction import RoomDatabase
from shared.object_store.filesystem import FilesystemStore
from tests.integration.proof.seals import EMPTY, Hands, Telling, hands
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


@pytest.fixture
async def nothing_yet(databases: Databases) -> None:
    """No line, no package, no proof."""
    await databases.as_superuser(EMPTY)


@pytest.fixture
async def staging(tmp_path: Path) -> AsyncIterator[FilesystemStore]:
    store = FilesystemStore(tmp_path / "staging")
    await store.prepare()
    yield store
    await store.close()


@pytest.fixture
def ours(database: RoomDatabase, staging: FilesystemStore) -> Hands:
    """The hands that make anchors and seals."""
    return hands(database, staging)


@pytest.fixture
def tell(consumer: Consumer) -> Telling:
    """A room that tells lines."""
    return Telling(consumer)
