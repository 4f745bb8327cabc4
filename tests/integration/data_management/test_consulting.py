"""Searches, descriptions and refusals of either have their lines, and no word that was typed (PRV-13, PRV-05)."""

from uuid import UUID, uuid4

import pytest

from services.data_management.consulting import Consultations
from shared.identity.rights import Role
from shared.identity.tokens import room_token
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import RoomDatabase
from tests.builders.callers import SECRET
from tests.builders.catalogues import a_catalogue, a_unit
from tests.builders.told import lines_of
from tests.integration.data_management.conftest import As, Load
from tests.servers import Databases

pytestmark = pytest.mark.integration

UNITS = "/data_management/v1/units"


@pytest.fixture(autouse=True)
async def nothing_told(databases: Databases) -> None:
    await databases.as_superuser("TRUNCATE data_management.outbox, data_management.journal_head")


async def told(databases: Databases) -> list[JournalLineV1]:
    lines = await lines_of(databases, "data_management")
    return [line for line in lines if line.action != "aip.catalogued"]


async def test_a_search_and_a_refused_one_are_two_lines(
    databases: Databases, database: RoomDatabase, load: Load, seen_by: As
) -> None:
    catalogue = a_catalogue([a_unit("u", "Madame Le Goff")])
    mine, foreign = catalogue.message.establishment, uuid4()
    await load(catalogue)
    reader = seen_by(Role.READER, mine)

    await reader.get(UNITS, params={"q": "Le Goff", "level": "Item", "identifier": "LG-1957"})
    await reader.get(UNITS, params={"q": "Le Goff"})
    await reader.get(UNITS, params={"establishment": str(foreign)})

    first, second, refused = await told(databases)
    digest = Consultations(database, SECRET).digest
    assert (first.kind, first.action, first.actor, first.establishment) == (
        "events",
        "catalogue.searched",
        "client:tests",
        mine,
    )
    assert first.details == {
        "units": 0,
        "total": 0,
        "filters": "words identifier level",
        "words_hmac": digest("Le Goff"),
        "identifier_hmac": digest("LG-1957"),
    }
    assert (second.details["units"], second.details["words_hmac"]) == (1, digest("Le Goff"))
    assert (refused.action, refused.outcome, refused.establishment) == ("catalogue.searched", "ko", None)
    assert "Goff" not in repr([first, second, refused])
    assert Consultations(database, "another secret").digest("Le Goff") != digest("Le Goff")


async def test_who_may_see_all_opens_no_journal_of_what_does_not_exist(databases: Databases, seen_by: As) -> None:
    everything = seen_by(Role.READER)

    await everything.get(UNITS, params={"establishment": str(uuid4())})

    (line,) = await told(databases)
    assert (line.establishment, line.outcome) == (None, "ok")


async def test_a_description_and_a_refusal_of_one_are_two_lines(
    databases: Databases, load: Load, seen_by: As
) -> None:
    catalogue = a_catalogue()
    mine, unit = catalogue.message.establishment, catalogue.unit_id("u1")
    await load(catalogue)
    reader, stranger = seen_by(Role.READER, mine), seen_by(Role.READER, uuid4())

    for below in ("", "/children", "/branch"):
        assert (await reader.get(f"{UNITS}/{unit}{below}")).status_code == 200
    assert (await stranger.get(f"{UNITS}/{unit}")).status_code == 404
    assert (await reader.get("/data_management/v1/objects/Le Goff")).status_code == 404

    *given, foreign, malformed = await told(databases)
    assert [(line.action, line.kind, line.object, line.details["view"]) for line in given] == [
        ("unit.described", "archives", f"unit:{unit}", view) for view in ("unit", "children", "branch")
    ]
    assert {line.establishment for line in given} == {mine}
    assert [(line.action, line.outcome, line.object, line.establishment) for line in (foreign, malformed)] == [
        ("unit.refused", "ko", f"unit:{unit}", None),
        ("unit.refused", "ko", "object:malformed", None),
    ]


async def test_what_rooms_ask_of_each_other_is_no_consultation(databases: Databases, load: Load, seen_by: As) -> None:
    catalogue = a_catalogue()
    await load(catalogue)
    room = seen_by(Role.READER)
    room.headers["Authorization"] = f"Bearer {room_token('access', SECRET)}"

    assert (await room.get(f"{UNITS}/{catalogue.unit_id('u1')}/branch")).status_code == 200
    assert (await room.get(f"{UNITS}/{UUID(int=1)}")).status_code == 404

    assert await told(databases) == []
