"""The guard at work: who is let through, who is not, and what they are told."""

from typing import Annotated
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter

from shared.calls import RoomUnavailable
from shared.dependencies import Dependency
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission, Role
from shared.identity.tokens import TokenVerifier, room_token
from shared.problems import not_found
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, SECRET, a_token, a_verifier

TOWN, OTHER = uuid4(), uuid4()
DEPOSIT, SELF, CONTENT = "/room/v1/towns/{}/deposit", "/room/v1/self", "/room/v1/content"

router = APIRouter(prefix="/room/v1")


@router.get("/towns/{town}/deposit")
async def deposit(town: UUID, caller: Annotated[Caller, requires(Permission.TRANSFER_DEPOSIT)]) -> str:
    if town not in caller.scope(Permission.TRANSFER_DEPOSIT):
        raise not_found()
    return caller.subject


@router.get("/self")
async def myself(caller: Annotated[Caller, requires(Permission.SELF)]) -> str:
    return caller.subject


@router.get("/content")
async def content(caller: Annotated[Caller, requires(Permission.CONTENT_READ)]) -> str:
    return caller.subject


@router.get("/open")
async def everybody(caller: Annotated[Caller, requires(Permission.PUBLIC)]) -> str:
    return caller.subject


async def nothing() -> None: ...


async def ask(path: str, authorization: str | None = None, verifier: TokenVerifier | None = None) -> httpx.Response:
    app = room_app("room", router, verifier or a_verifier(), Readiness("room"), nothing)
    headers = {} if authorization is None else {"Authorization": authorization}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as client:
        return await client.get(path)


def bearer(role: Role, *establishments: UUID) -> str:
    return f"Bearer {a_token(role, *establishments)}"


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer not-a-token", "Token x", "Bearer a.b.c"],
)
async def test_nobody_in_particular_is_told_how_to_become_somebody(authorization: str | None) -> None:
    answer = await ask(SELF, authorization)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")
    assert answer.headers["www-authenticate"] == 'Bearer realm="chartrier"'


async def test_a_mandate_opens_what_it_grants_where_it_grants_it() -> None:
    inside = await ask(DEPOSIT.format(TOWN), bearer(Role.DEPOSITOR, TOWN))
    outside = await ask(DEPOSIT.format(OTHER), bearer(Role.DEPOSITOR, TOWN))

    assert (inside.status_code, inside.json()) == (200, "client:tests")
    assert outside.status_code == 404


async def test_the_scheme_may_be_written_in_any_case() -> None:
    answer = await ask(SELF, f"bEARER  {a_token(Role.READER, TOWN)}")

    assert answer.status_code == 200


async def test_a_mandate_that_grants_something_else_is_a_403_without_a_challenge() -> None:
    answer = await ask(DEPOSIT.format(TOWN), bearer(Role.READER, TOWN))

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "www-authenticate" not in answer.headers


async def test_a_room_is_let_through_to_what_rooms_need_and_refused_elsewhere() -> None:
    room = f"Bearer {room_token('storage', SECRET)}"

    within, beyond = await ask(CONTENT, room), await ask(DEPOSIT.format(TOWN), room)

    assert (within.status_code, within.json()) == (200, "room:storage")
    assert (beyond.status_code, beyond.json()["code"]) == (403, "forbidden")


async def test_any_known_caller_may_ask_about_themselves() -> None:
    answer = await ask(SELF, bearer(Role.OPERATOR, TOWN))

    assert (answer.status_code, answer.json()) == (200, "client:tests")


async def test_a_public_route_looks_at_no_token() -> None:
    answer = await ask("/room/v1/open", "Bearer not-a-token")

    assert (answer.status_code, answer.json()) == (200, "anonymous")


async def test_a_token_that_cannot_be_judged_for_the_moment_is_neither_good_nor_bad() -> None:
    async def away() -> dict[str, object]:
        raise RoomUnavailable("admin: ConnectError")

    answer = await ask(SELF, bearer(Role.READER, TOWN), TokenVerifier(BASE, SECRET, away))

    assert answer.status_code == 503


async def test_every_answer_bears_a_request_id_of_its_own() -> None:
    answers = [await ask(path) for path in (SELF, SELF, "/room/v1/open")]

    assert len({answer.headers["x-request-id"] for answer in answers}) == 3


async def test_readiness_names_what_does_not_answer_and_keeps_its_reasons_to_itself() -> None:
    async def broken() -> None:
        raise ConnectionError("db at 10.0.0.7 refused")

    readiness = Readiness("room", [Dependency("database", broken), Dependency("broker", nothing)])
    app = room_app("room", router, a_verifier(), readiness, nothing)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        ready, live = await client.get("/room/health/ready"), await client.get("/room/health/live")

    said = ready.json()
    assert (ready.status_code, said["status"]) == (503, "unready")
    assert said["checks"] == {"database": "ConnectionError", "broker": "ok"}
    assert list(said["since"]) == ["database"]
    assert "10.0.0.7" not in ready.text
    assert live.status_code == 200


async def test_metrics_count_requests_by_route_and_never_by_identifier() -> None:
    app = room_app("counting", router, a_verifier(), Readiness("counting"), nothing)
    headers = {"Authorization": bearer(Role.DEPOSITOR, TOWN)}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, headers=headers) as client:
        for town in (TOWN, OTHER):
            await client.get(DEPOSIT.format(town))
        metrics = (await client.get("/counting/metrics")).text

    ours = [
        line
        for line in metrics.splitlines()
        if line.startswith("chartrier_http_requests_total{") and "counting" in line
    ]
    assert sorted(line.partition("status=")[2] for line in ours) == ['"200"} 1.0', '"404"} 1.0']
    assert all('route="/room/v1/towns/{town}/deposit"' in line for line in ours)
    assert str(TOWN) not in metrics


async def test_a_method_that_nobody_knows_is_counted_without_its_name() -> None:
    app = room_app("counting_methods", router, a_verifier(), Readiness("counting_methods"), nothing)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        await client.request("MADAME-PLANTÉ".encode().decode("ascii", "ignore"), SELF)
        metrics = (await client.get("/counting_methods/metrics")).text

    assert "MADAME" not in metrics
    assert 'method="other",room="counting_methods"' in metrics
