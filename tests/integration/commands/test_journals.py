"""``journals close``, given beside proof: what no site has yet leaves at once, and the journal says who asked."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.__main__ import main
from services.local.postgres import Postgres
from services.local.settings import as_if_told
from services.proof.handlers import keep_lines
from shared.messages.journal import JournalLinesV1
from shared.messages.proof import JournalClosedV1
from shared.object_store.filesystem import FilesystemStore
from tests.builders.journal import ESTABLISHMENT, Sender, a_line
from tests.servers import Databases, fresh

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("proof",))


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    folder = tmp_path / "staging"
    asyncio.run(FilesystemStore(folder).prepare())
    return folder


@pytest.fixture(autouse=True)
def beside_proof(databases: Databases, staging: Path) -> Iterator[None]:
    told = {
        "CHARTRIER_DATABASE_URL": databases.url("proof"),
        "CHARTRIER_INTERNAL_SECRET": "x" * 32,
        "CHARTRIER_STAGING_URL": staging.as_uri(),
    }
    with as_if_told(told):
        yield


def keep(databases: Databases, message: JournalLinesV1) -> None:
    async def kept() -> None:
        database = databases.room("proof")
        async with database.begin() as tx:
            await keep_lines(tx, [message])
        await database.engine.dispose()

    asyncio.run(kept())


def outbox(databases: Databases, topic: str) -> list[dict[str, Any]]:
    query = "SELECT body FROM proof.outbox WHERE topic = $1 ORDER BY message_id"
    return [json.loads(row["body"]) for row in asyncio.run(databases.as_superuser(query, topic))]


def test_new_lines_leave_at_once_and_the_journal_says_so(
    databases: Databases, staging: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sender = Sender("ingest")
    keep(databases, sender.says(a_line(), a_line(), a_line(kind="events", establishment=None)))

    assert main(["journals", "close", "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    journal = f"archives.{ESTABLISHMENT}"
    assert said == {
        "closed": [
            {"journal": journal, "number": 1, "first": 1, "last": 2},
            {"journal": "events.platform", "number": 1, "first": 1, "last": 1},
        ],
        "awaited": 2,
    }
    assert len(list((staging / "journals").iterdir())) == 2
    assert [one["journal"] for one in outbox(databases, JournalClosedV1.topic)] == [journal, "events.platform"]
    (batch,) = outbox(databases, JournalLinesV1.topic)
    (line,) = batch["lines"]
    assert (line["action"], line["actor"]) == ("journals.closed", "operator:command")
    assert line["details"] == {"containers": 2}

    assert main(["journals", "close"]) == 0
    assert capsys.readouterr().out == "0 closed; 2 not on every site yet, which storage sees to.\n"


def test_without_staging_nothing_is_closed_and_the_operator_is_told(
    databases: Databases, staging: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sender = Sender("access")
    keep(databases, sender.says(a_line(kind="writes")))
    shutil.rmtree(staging)
    staging.write_bytes(b"")

    assert main(["journals", "close"]) == 69

    assert "Staging takes nothing" in capsys.readouterr().err
