"""Calls to another room, over a real socket: what comes back as an answer, a problem, or a reason to wait."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import jwt
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import SecretStr

from services.local.ports import free_ports
from shared.calls import RoomCalls, RoomUnavailable
from shared.identity.caller import Caller
from shared.identity.tokens import INTERNAL_ISSUER
from shared.messaging.outcome import TryAgain
from shared.problems import Problem, answer
from shared.settings import RoomSettings
from tests.unit.shared.conftest import Serve

SECRET = "rooms-under-test-" + "s" * 32
CALLER = Caller("client:tests", (), "their-own-token")

Ask = Callable[..., Awaitable[Any]]
"""Asks the other room for a thing by name; `caller` and `params` as `RoomCalls.get_json` takes them."""


def other_room() -> FastAPI:
    app = FastAPI()

    @app.get("/other/v1/things/{name}")
    async def thing(request: Request, name: str) -> Response:
        refusal = Problem(409, "suspended", "Suspendu.", "Suspended.", extra={"since": "2026"})
        answers: dict[str, Response] = {
            "known": JSONResponse({"token": request.headers["authorization"], "asked": dict(request.query_params)}),
            "absent": Response(status_code=404),
            "refused": answer(refusal, "fr"),
            "teapot": Response("<html>", 418, media_type="text/html"),
            "half": Response("{", 400, media_type="application/json"),
            "broken": Response(status_code=500),
            "busy": Response(status_code=503),
            "moved": Response(status_code=302, headers={"Location": "/other/v1/things/known"}),
            "garbled": Response("<html>", media_type="text/html"),
        }
        return answers[name]

    return app


@pytest.fixture
async def ask(serve: Serve) -> AsyncIterator[Ask]:
    async with serve(other_room()) as origin:
        calls = calls_to(origin)

        async def get(name: str, caller: Caller | None = None, params: dict[str, Any] | None = None) -> object:
            return await calls.get_json("storage", f"/other/v1/things/{name}", caller=caller, params=params)

        yield get
        await calls.close()


def calls_to(origin: str) -> RoomCalls:
    settings = RoomSettings(
        database_url=SecretStr("postgresql+asyncpg://nobody@127.0.0.1:1/nothing"),
        internal_secret=SecretStr(SECRET),
        room_urls={"storage": origin + "/"},
    )
    return RoomCalls(settings, "ingest")


async def test_a_question_asked_for_a_caller_bears_the_callers_own_token(ask: Ask) -> None:
    told = await ask("known", caller=CALLER, params={"q": "é&è"})

    assert told == {"token": "Bearer their-own-token", "asked": {"q": "é&è"}}


async def test_a_question_nobody_waits_for_bears_the_rooms_short_token(ask: Ask) -> None:
    token = (await ask("known"))["token"].removeprefix("Bearer ")

    claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="chartrier")
    assert (claims["sub"], claims["iss"]) == ("ingest", INTERNAL_ISSUER)


@pytest.mark.parametrize("caller", [CALLER, None])
async def test_what_does_not_exist_is_none(ask: Ask, caller: Caller | None) -> None:
    assert await ask("absent", caller=caller) is None


async def test_the_callers_own_fault_is_passed_on_to_them(ask: Ask) -> None:
    with pytest.raises(Problem) as refusal:
        await ask("refused", caller=CALLER)

    assert (refusal.value.status, refusal.value.code, refusal.value.fr, refusal.value.extra) == (
        409,
        "suspended",
        "Suspendu.",
        {"since": "2026"},
    )


@pytest.mark.parametrize(("name", "status"), [("teapot", 418), ("half", 400)])
async def test_a_fault_told_badly_is_passed_on_all_the_same(ask: Ask, name: str, status: int) -> None:
    with pytest.raises(Problem) as refusal:
        await ask(name, caller=CALLER)

    assert (refusal.value.status, refusal.value.code) == (status, "refused")


async def test_a_refusal_without_a_caller_is_no_ones_fault_but_the_worlds(ask: Ask) -> None:
    with pytest.raises(RoomUnavailable, match="409"):
        await ask("refused")


@pytest.mark.parametrize("name", ["broken", "busy", "moved", "garbled"])
@pytest.mark.parametrize("caller", [CALLER, None])
async def test_an_answer_that_makes_no_sense_is_worth_another_try(ask: Ask, name: str, caller: Caller | None) -> None:
    with pytest.raises(RoomUnavailable):
        await ask(name, caller=caller)


async def test_a_room_that_does_not_listen_is_unavailable() -> None:
    (port,) = free_ports(1)
    calls = calls_to(f"http://127.0.0.1:{port}")

    with pytest.raises(TryAgain, match="storage: ConnectError"):
        await calls.get_json("storage", "/other/v1/things/known")
    await calls.close()


async def test_a_stream_is_asked_for_with_a_token_and_the_headers_given(serve: Serve) -> None:
    app = FastAPI()

    @app.get("/other/v1/content")
    async def content(request: Request) -> Response:
        return Response(f"{request.headers['authorization']} {request.headers['range']}", 206)

    async with serve(app) as origin:
        calls = calls_to(origin)
        async with calls.stream(
            "storage", "/other/v1/content", caller=CALLER, headers={"Range": "bytes=0-1"}
        ) as opened:
            body = (await opened.aread()).decode()
        await calls.close()

    assert (opened.status_code, body) == (206, "Bearer their-own-token bytes=0-1")
