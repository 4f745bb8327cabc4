"""``seals make``: proof is asked for an anchor and a seal before their time, once, and makes them."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from services.__main__ import main
from services.local.postgres import Postgres
from services.local.settings import as_if_told
from services.proof.clock import Clock
from services.proof.domain.proofs import MAKE, NOW
from services.proof.makers import Makers
from services.proof.settings import ProofSettings
from services.proof.signing.opening import open_signer
from services.proof.tables import anchor, seal
from shared.database.plumbing import outbox, work
from shared.messages.journal import JournalLinesV1
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import lease
from shared.object_store.filesystem import FilesystemStore
from tests.servers import Databases, fresh

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("proof",))


@pytest.fixture(autouse=True)
def beside_proof(databases: Databases, tmp_path: Path) -> Iterator[None]:
    told = {
        "CHARTRIER_DATABASE_URL": databases.url("proof"),
        "CHARTRIER_INTERNAL_SECRET": "x" * 32,
        "CHARTRIER_STAGING_URL": tmp_path.as_uri(),
    }
    with as_if_told(told):
        yield


def test_proof_is_asked_once_and_it_is_on_record(
    databases: Databases, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["seals", "make", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"asked": True}
    assert main(["seals", "make"]) == 0
    asyncio.run(_made(databases.room("proof"), tmp_path / "staging"))


async def _made(database: RoomDatabase, folder: Path) -> None:
    async with database.reading() as connection:
        asked = list((await connection.execute(select(work.c.kind, work.c.key))).all())
        lines = list(await connection.scalars(select(outbox.c.body).where(outbox.c.topic == JournalLinesV1.topic)))
    assert asked == [(MAKE, NOW)]
    assert [JournalLinesV1.model_validate_json(body).lines[0].action for body in lines] == ["seals.asked"] * 2

    staging = FilesystemStore(folder)
    await staging.prepare()
    own = ProofSettings(staging_url=folder.as_uri())
    makers = Makers(own, database, staging, open_signer("development:"), Clock([], timedelta(seconds=10)))
    (held,) = await lease(database, [MAKE], 10)
    await makers.jobs[MAKE](held)
    async with database.reading() as connection:
        made = [await connection.scalar(select(one.c.number)) for one in (anchor, seal)]
    assert made == [1, 1]
    await makers.close()
    await staging.close()
    await database.engine.dispose()
