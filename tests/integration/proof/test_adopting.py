"""Packages that proof was never told of are found in the journals, once, and come under a seal like the others."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from services.local.ports import free_ports
from services.proof.adopting import Adopter
from services.proof.gathering import GATHER
from services.proof.tables import looked_at, package_group
from shared.calls import RoomCalls, RoomUnavailable
from shared.database.plumbing import work
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import RoomDatabase
from shared.settings import RoomSettings
from tests.builders.aip_shelf import AipShelf, listening
from tests.builders.journal import ESTABLISHMENT, a_line
from tests.integration.proof.seals import Telling
from tests.servers import Databases

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("nothing_yet")]


@pytest.fixture
def shelf() -> AipShelf:
    return AipShelf()


@pytest.fixture
async def adopter(databases: Databases, shelf: AipShelf) -> AsyncIterator[Adopter]:
    (port,) = free_ports(1)
    settings = RoomSettings(
        database_url=SecretStr(databases.url("proof")),
        internal_secret=SecretStr("proof-tests-" + "s" * 32),
        base_url=f"http://127.0.0.1:{port}",
    )
    calls = RoomCalls(settings, "proof")
    async with listening(shelf.app, port):
        yield Adopter(calls)
        await calls.close()


def stored(aip: UUID, version: int = 1) -> JournalLineV1:
    line = a_line("aip.stored", transfer=uuid4(), details={"version": version, "sha512": "0" * 128, "copies": 2})
    return line.model_copy(update={"object": f"aip:{aip}"})


async def known(database: RoomDatabase) -> dict[UUID, int]:
    async with database.reading() as connection:
        rows = await connection.execute(select(package_group.c.aip, package_group.c.size))
        return {row.aip: row.size for row in rows}


async def test_what_a_journal_says_is_stored_is_adopted_once(
    adopter: Adopter, shelf: AipShelf, database: RoomDatabase, tell: Telling
) -> None:
    aip = uuid4()
    shelf.aips[str(aip)] = b"a package"
    await tell(a_line(), stored(aip), a_line())

    assert [await adopter.adopt(database) for _ in range(2)] == [1, 0]

    async with database.reading() as connection:
        row = (await connection.execute(select(package_group))).one()
        asked = list(await connection.scalars(select(work.c.kind)))
        looked = (await connection.execute(select(looked_at.c.number))).scalar_one()
    assert (row.aip, row.version, row.establishment, row.size, row.leaf) == (aip, 1, ESTABLISHMENT, 9, None)
    assert [one["site"] for one in row.receipts] == ["a"]
    assert (asked, looked) == ([GATHER], 3)


async def test_what_is_gone_or_has_another_version_is_not(
    adopter: Adopter, shelf: AipShelf, database: RoomDatabase, tell: Telling
) -> None:
    purged, unknown, rewritten = uuid4(), uuid4(), uuid4()
    shelf.aips |= {str(purged): b"x", str(rewritten): b"y"}
    shelf.eliminated.add(str(purged))
    await tell(stored(purged), stored(unknown), stored(rewritten, 2))

    assert await adopter.adopt(database) == 0
    assert await known(database) == {}


async def test_while_storage_is_away_nothing_is_passed_over(
    adopter: Adopter, shelf: AipShelf, database: RoomDatabase, tell: Telling
) -> None:
    aip = uuid4()
    shelf.aips[str(aip)] = b"a package"
    shelf.away = True
    await tell(stored(aip))
    with pytest.raises(RoomUnavailable):
        await adopter.adopt(database)

    shelf.away = False

    assert await adopter.adopt(database) == 1
    assert await known(database) == {aip: 9}
