"""Who is refused by a room is told: the first at once, a flood as one line a minute (`access.refused`, PRV-13)."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from shared.identity.guard import requires
from shared.identity.rights import Permission, Role
from shared.messages.journal import JournalLineV1
from shared.messaging.lines import OTHERS, PERIOD_SECONDS, REMEMBERED, Refusals
from shared.messaging.transaction import RoomDatabase
from shared.problems import Problem, not_found, noted
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_token, a_verifier
from tests.builders.told import lines_of
from tests.servers import Databases

pytestmark = pytest.mark.integration

RIGHT = Permission.CONTENT_READ


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def room(databases: Databases) -> AsyncIterator[RoomDatabase]:
    await databases.as_superuser("TRUNCATE storage.outbox, storage.journal_head")
    opened = databases.room("storage")
    yield opened
    await opened.engine.dispose()


def shown(lines: list[JournalLineV1]) -> list[tuple[str, object, object]]:
    return [(line.actor, line.details["reason"], line.details["attempts"]) for line in lines]


async def refused(databases: Databases) -> list[JournalLineV1]:
    return await lines_of(databases, "storage", "access.refused")


async def test_a_flood_is_told_at_once_and_then_as_one_number(databases: Databases, room: RoomDatabase) -> None:
    clock = Clock()
    refusals = Refusals(room, clock)

    refusals.note("client:a", RIGHT, "forbidden")
    await refusals.tell_all()
    for _ in range(500):
        refusals.note("client:a", RIGHT, "forbidden")
    refusals.note("anonymous", RIGHT, "unauthorised")
    clock.now += PERIOD_SECONDS
    await refusals.tell_all()

    told = await refused(databases)
    assert shown(told)[0] == ("client:a", "forbidden", 1)
    assert sorted(shown(told)[1:]) == [("anonymous", "unauthorised", 1), ("client:a", "forbidden", 500)]
    assert {(line.kind, line.outcome, line.object, line.details["permission"]) for line in told} == {
        ("events", "ko", "room:storage", "content.read")
    }


async def test_who_comes_again_after_a_minute_is_told_at_once(databases: Databases, room: RoomDatabase) -> None:
    clock = Clock()
    refusals = Refusals(room, clock)
    for _ in range(2):
        refusals.note("client:a", RIGHT, "forbidden")
        await refusals.tell_all()
        clock.now += PERIOD_SECONDS

    assert [one[2] for one in shown(await refused(databases))] == [1, 1]


async def test_more_askers_than_are_told_apart_are_the_others(databases: Databases, room: RoomDatabase) -> None:
    refusals = Refusals(room, Clock())
    for number in range(REMEMBERED + 7):
        refusals.note(f"client:{number}", RIGHT, "forbidden")
    await refusals.tell_all()

    told = await refused(databases)
    assert len(told) == REMEMBERED + 1
    assert sum(int(line.details["attempts"]) for line in told if line.actor == OTHERS) == 7


async def test_what_could_not_be_written_is_told_later(databases: Databases, room: RoomDatabase) -> None:
    refusals = Refusals(room, Clock())
    await databases.as_superuser("ALTER TABLE storage.outbox RENAME TO away")
    try:
        refusals.note("client:a", RIGHT, "forbidden")
        refusals.note("client:a", RIGHT, "forbidden")
        await refusals.tell_all()
    finally:
        await databases.as_superuser("ALTER TABLE storage.away RENAME TO outbox")
    await refusals.tell_all()

    assert shown(await refused(databases)) == [("client:a", "forbidden", 2)]


def an_app(refusals: Refusals) -> FastAPI:
    router = APIRouter(prefix="/storage/v1")

    @router.get("/open", dependencies=[requires(Permission.PUBLIC)])
    async def opened() -> None:
        raise not_found()

    @router.get("/{kind}", dependencies=[requires(RIGHT)])
    async def guarded(kind: str) -> None:
        raise {"foreign": not_found(), "told": noted(not_found())}.get(kind, Problem(409, "c", "Non.", "No."))

    async def nothing() -> None: ...

    app = room_app("storage", router, a_verifier(), Readiness("storage"), nothing)
    app.state.note_refusal = refusals.note
    return app


async def test_answers_that_refuse_are_counted_and_no_others(databases: Databases, room: RoomDatabase) -> None:
    refusals = Refusals(room)
    reader, operator = a_token(Role.READER, subject="r"), a_token(Role.OPERATOR, subject="o")
    asked = [("foreign", None), ("foreign", operator), ("foreign", reader), ("told", reader), ("busy", reader)]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(an_app(refusals)), base_url=BASE) as http:
        for kind, token in (*asked, ("open", None)):
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            await http.get(f"/storage/v1/{kind}", headers=headers)
    await refusals.tell_all()

    assert sorted(shown(await refused(databases))) == [
        ("anonymous", "unauthorised", 1),
        ("client:o", "forbidden", 1),
        ("client:r", "not_found", 1),
    ]
