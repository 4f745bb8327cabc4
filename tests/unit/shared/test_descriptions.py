"""A room's OpenAPI says what its guard and its problem documents do: FastAPI knows neither."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Response
from jsonschema import Draft202012Validator

from shared.descriptions import content_of
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_verifier

router = APIRouter(prefix="/room/v1")


@router.get("/counted/{number}", dependencies=[requires(Permission.PUBLIC)])
async def counted(number: int) -> int:
    return number


@router.get("/closed", dependencies=[requires(Permission.SELF)], responses={409: content_of("application/xml")})
async def closed(_: Annotated[str, ""] = "") -> Response:
    return Response()


async def nothing() -> None: ...


@pytest.fixture
async def client() -> httpx.AsyncClient:
    app = room_app("room", router, a_verifier(), Readiness("room"), nothing)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)


async def described(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/room/openapi.json")).json()
    return found


async def test_whoever_needs_a_token_is_told_so_and_nobody_else(client: httpx.AsyncClient) -> None:
    said = await described(client)

    asked = {path: operation["get"]["security"] for path, operation in said["paths"].items()}
    assert asked.pop("/room/v1/closed") == [{"bearer": []}]
    assert set(map(str, asked.values())) == {"[]"}
    assert said["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


async def test_a_refusal_is_the_problem_document_that_is_described(client: httpx.AsyncClient) -> None:
    said = await described(client)
    answers = said["paths"]["/room/v1/counted/{number}"]["get"]["responses"]
    assert answers.keys() == {"200", "4XX", "503"}
    kind = answers["4XX"]["$ref"].rpartition("/")[2]
    [(media_type, content)] = said["components"]["responses"][kind]["content"].items()
    validator = Draft202012Validator({**content["schema"], "components": said["components"]})

    for path in ("/room/v1/counted/none", "/room/v1/closed", "/room/v1/nowhere"):
        answer = await client.get(path)
        assert (answer.is_client_error, answer.headers["content-type"]) == (True, media_type)
        assert list(validator.iter_errors(answer.json())) == []
    assert list(validator.iter_errors({"detail": "Not Found"})) != []


async def test_what_a_route_says_of_a_status_goes_before(client: httpx.AsyncClient) -> None:
    answers = (await described(client))["paths"]["/room/v1/closed"]["get"]["responses"]

    assert list(answers["409"]["content"]) == ["application/xml"]
    assert answers.keys() == {"200", "409", "4XX", "503"}
