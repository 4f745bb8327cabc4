"""The room itself cannot change a line; whoever can (a superuser) is found out."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.proof.settings import ProofSettings
from services.proof.wiring import build
from shared.identity.rights import Role
from shared.messages.journal import JournalLinesV1
from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.local import LocalTransport
from shared.messaging.transaction import RoomDatabase
from shared.settings import RoomSettings
from tests.builders.callers import SECRET, a_token, a_verifier
from tests.builders.journal import Sender, a_line
from tests.servers import Databases

pytestmark = pytest.mark.integration


@pytest.fixture
async def client(databases: Databases, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = RoomSettings(database_url=SecretStr(databases.url("proof")), internal_secret=SecretStr(SECRET))
    room = build(settings, ProofSettings(staging_url=tmp_path.as_uri()), LocalTransport())
    room.app.state.verifier = a_verifier()
    headers = {"Authorization": f"Bearer {a_token(Role.AUDITOR)}"}
    transport = httpx.ASGITransport(room.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://room", headers=headers) as client:
        yield client
    await room.foundation.calls.close()
    await room.foundation.database.engine.dispose()


async def a_kept_journal(consumer: Consumer, count: int = 5) -> UUID:
    establishment = uuid4()
    lines = [a_line(f"turn-{turn}", establishment=establishment) for turn in range(count)]
    message: JournalLinesV1 = Sender(f"room-{uuid4()}").says(*lines)
    await consumer.handle([Delivery(message.message_id, message.topic, message.model_dump_json().encode())])
    return establishment


async def verification(client: httpx.AsyncClient, establishment: UUID, query: str = "") -> dict[str, object]:
    answer = await client.get(f"/proof/v1/journals/archives.{establishment}/verification{query}")
    assert answer.status_code == 200
    body: dict[str, object] = answer.json()
    return body


async def behind_our_back(databases: Databases, statement: str, establishment: UUID) -> None:
    """Do what only a superuser can: past the rights and past the triggers."""
    where = f"journal = (SELECT id FROM proof.journal WHERE name = 'archives.{establishment}')"  # noqa: S608
    await databases.as_superuser("ALTER TABLE proof.line DISABLE TRIGGER ALL")
    try:
        await databases.as_superuser(statement.format(where=where))
    finally:
        await databases.as_superuser("ALTER TABLE proof.line ENABLE TRIGGER ALL")


@pytest.mark.parametrize("table", ["line", "batch"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET sha512 = ''", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}"])
async def test_the_room_can_neither_change_nor_remove(database: RoomDatabase, statement: str, table: str) -> None:
    async with database.engine.connect() as connection:
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            await connection.execute(text(statement.format(table)))


@pytest.mark.parametrize("statement", ["UPDATE proof.line SET number = number", "DELETE FROM proof.line"])
async def test_even_a_superuser_is_stopped_unless_they_mean_it(databases: Databases, statement: str) -> None:
    with pytest.raises(Exception, match="never changed nor removed"):
        await databases.as_superuser(statement)


async def test_a_journal_nobody_touched_verifies(client: httpx.AsyncClient, consumer: Consumer) -> None:
    establishment = await a_kept_journal(consumer)

    found = await verification(client, establishment)

    assert (found["valid"], found["lines"], found["anomalies"], found["next"]) == (True, 5, [], None)


async def test_verification_goes_on_from_where_a_part_of_it_ended(
    client: httpx.AsyncClient, consumer: Consumer
) -> None:
    establishment = await a_kept_journal(consumer)

    part = await verification(client, establishment, "?limit=2")
    rest = await verification(client, establishment, f"?after={part['next']}")

    assert (part["lines"], part["next"], rest["lines"], rest["next"]) == (2, 2, 3, None)
    assert rest["head"] == (await verification(client, establishment))["head"]


async def test_a_line_altered_by_a_superuser_is_found(
    client: httpx.AsyncClient, consumer: Consumer, databases: Databases
) -> None:
    establishment = await a_kept_journal(consumer)
    change = "UPDATE proof.line SET body = replace(convert_from(body, 'UTF8'), 'turn-2', 'turn-X')::bytea"

    await behind_our_back(databases, change + " WHERE {where} AND number = 3", establishment)

    found = await verification(client, establishment)
    assert (found["valid"], found["anomalies"]) == (False, [{"number": 3, "code": "digest_mismatch"}])


async def test_a_line_removed_by_a_superuser_is_found(
    client: httpx.AsyncClient, consumer: Consumer, databases: Databases
) -> None:
    establishment = await a_kept_journal(consumer)

    await behind_our_back(databases, "DELETE FROM proof.line WHERE {where} AND number = 2", establishment)

    found = await verification(client, establishment)
    assert (found["valid"], found["anomalies"]) == (False, [{"number": 2, "code": "line_missing"}])


async def test_lines_cut_from_the_end_by_a_superuser_are_found(
    client: httpx.AsyncClient, consumer: Consumer, databases: Databases
) -> None:
    establishment = await a_kept_journal(consumer)

    await behind_our_back(databases, "DELETE FROM proof.line WHERE {where} AND number > 3", establishment)

    found = await verification(client, establishment)
    assert (found["valid"], found["anomalies"]) == (False, [{"number": 4, "code": "line_missing"}])
