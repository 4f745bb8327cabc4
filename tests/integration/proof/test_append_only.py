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
    for close in room.close:
        await close()
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


EVERYTHING = ("DELETE", "INSERT", "SELECT", "UPDATE")

MAY_CHANGE = {
    "journal": ("INSERT", "SELECT", "UPDATE"),
    "sender": ("INSERT", "SELECT", "UPDATE"),
    "container": ("INSERT", "SELECT", "UPDATE"),
    "pending_batch": ("DELETE", "INSERT", "SELECT"),
    "looked_at": ("INSERT", "SELECT", "UPDATE"),
    "anchored_journal": ("INSERT", "SELECT", "UPDATE"),
    "anchored_sender": ("INSERT", "SELECT", "UPDATE"),
    **dict.fromkeys(
        ("outbox", "inbox", "dead_letter", "journal_head", "work"), ("DELETE", "INSERT", "SELECT", "UPDATE")
    ),
}
"""What the room may do in tables that are not only added to, and why that is no way to change a journal:

journal, sender: heads, found again from the lines, which verification does · container: what has left, found again on
the sites · pending_batch: batches that wait, and become lines · anchored_journal, anchored_sender: what anchors name,
found again in them on the sites · looked_at: a place to go on from · the others: messages and work under way.
"""

FILLED = {
    "anchor": {"body"},
    "filed": {"stored_at"},
    "package_group": {
        *("transfer", "sha512", "size", "receipts", "stored_at"),
        *("digests", "leaf", "gone_at", "seal", "position"),
    },
    "renewal": {"token", "token_at", "stamped_at", "certificate_ends", "authority", "serial", "drift"},
    "renewed_package": {"files", "digests", "leaf", "renewal", "position"},
    "tree_campaign": {"ended_at"},
    "attestation": {"asked_at", "asked_by", "refused", "facts", "pdf", "sha512", "issued_at"},
    "statement": {"done_at", "facts", "signed"},
    "seal": {"token", "token_at", "stamped_at", "certificate_ends", "authority", "serial", "drift"},
}
"""Columns that come to be known later than their row, or are needed no more: triggers see that what proves something
is filled in once."""

ADDED_TO = ("INSERT", "SELECT")
READ = ("SELECT",)

_RIGHTS = """
    SELECT c.relname AS name, c.relkind, array_agg(DISTINCT a.privilege_type ORDER BY a.privilege_type) AS rights
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL aclexplode(c.relacl) a ON a.grantee = 'chartrier_proof'::regrole
    WHERE n.nspname = 'proof' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    GROUP BY c.relname, c.relkind"""

_OTHERWISE = """
    SELECT pg_has_role('chartrier_proof', r.oid, 'MEMBER') AS member, r.rolname FROM pg_roles r
    WHERE r.rolname <> 'chartrier_proof' AND pg_has_role('chartrier_proof', r.oid, 'MEMBER')"""

_PARTLY = """
    SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'proof' AND a.attacl IS NOT NULL"""

_EVERYBODY = """
    SELECT table_name FROM information_schema.table_privileges
    WHERE table_schema = 'proof' AND grantee = 'PUBLIC'"""

_TRIGGERS = """
    SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'proof' AND NOT t.tgisinternal AND t.tgenabled <> 'D'"""


async def rights(databases: Databases) -> dict[str, tuple[str, ...]]:
    return {row["name"]: tuple(row["rights"]) for row in await databases.as_superuser(_RIGHTS)}


async def test_every_table_is_only_added_to_but_for_those_that_say_why(databases: Databases) -> None:
    found = await rights(databases)

    assert found.pop("alembic_version") == READ
    assert {name: found.pop(name) for name in MAY_CHANGE} == MAY_CHANGE
    assert found == dict.fromkeys(found, ADDED_TO), "a table that proof may change says why in MAY_CHANGE"
    assert {"line", "batch"} <= found.keys()


async def test_the_room_has_no_right_by_another_way(databases: Databases) -> None:
    """Neither as a member of another role, nor on other columns than are said, nor as everybody."""
    public = await databases.as_superuser(_EVERYBODY)
    assert await databases.as_superuser(_OTHERWISE) == []
    partly = {(row["relname"], row["attname"]) for row in await databases.as_superuser(_PARTLY)}
    assert partly == {(table, column) for table, columns in FILLED.items() for column in columns}
    assert public == []


async def test_what_is_only_added_to_stops_a_superuser_s_slip_too(databases: Databases) -> None:
    added_to = (await rights(databases)).keys() - MAY_CHANGE.keys() - {"alembic_version"}
    guarded = {row["relname"] for row in await databases.as_superuser(_TRIGGERS)}

    assert added_to <= guarded


@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}"])
async def test_the_room_can_neither_change_nor_remove(
    database: RoomDatabase, databases: Databases, statement: str
) -> None:
    columns = {
        row["table_name"]: row["column_name"]
        for row in await databases.as_superuser(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'proof'"
        )
        if row["column_name"] not in FILLED.get(row["table_name"], ())
    }
    for table in sorted((await rights(databases)).keys() - MAY_CHANGE.keys()):
        async with database.engine.connect() as connection:
            with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
                await connection.execute(text(statement.format(table, columns[table], columns[table])))


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
