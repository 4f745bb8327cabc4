"""Errors of the HTTP surface are problem documents (RFC 9457), in the caller's language, without our insides."""

from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Query
from sqlalchemy.exc import DBAPIError

from shared import outages
from shared.messaging.outcome import TryAgain
from shared.object_store.errors import StoreFull
from shared.problems import Problem, install, language_of, not_found

app = FastAPI()
install(app)
outages.install(app)


@app.get("/refused")
async def refused() -> None:
    raise Problem(
        409, "suspended", "Suspendu.", "Suspended.", extra={"since": "2026-01-01"}, headers={"Retry-After": "2"}
    )


@app.post("/refused")
async def written() -> None: ...


@app.get("/missing")
async def missing() -> None:
    raise not_found()


@app.get("/old")
async def old() -> None:
    raise HTTPException(404, "the row 7 of table transfer")


@app.get("/counted")
async def counted(limit: Annotated[int, Query(ge=1)]) -> int:
    return limit


@app.get("/broken")
async def broken() -> None:
    raise RuntimeError("password=hunter2")


@app.get("/away")
async def away() -> None:
    raise TryAgain("admin at 10.0.0.7: ConnectError")


@app.get("/full")
async def full() -> None:
    raise StoreFull("/srv/staging: No space left on device")


@app.get("/refused-by-the-system")
async def refused_by_the_system() -> None:
    raise ConnectionRefusedError("10.0.0.7:5432")


@app.get("/gone")
async def gone() -> None:
    raise DBAPIError("SELECT secret", {}, Exception(), connection_invalidated=True)


@app.get("/misused")
async def misused() -> None:
    raise DBAPIError("SELECT secret", {}, Exception())


async def ask(path: str, method: str = "GET", **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://archive.test") as client:
        return await client.request(method, path, headers=headers)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "fr"),
        ("", "fr"),
        ("fr", "fr"),
        ("en", "en"),
        ("EN-gb", "en"),
        ("en-US,en;q=0.9,fr;q=0.8", "en"),
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("de,en;q=0.5", "en"),
        ("de", "fr"),
        ("*", "fr"),
        (";;,,", "fr"),
    ],
)
def test_the_first_language_we_speak_is_chosen_and_french_without_one(header: str | None, expected: str) -> None:
    assert language_of(header) == expected


async def test_a_problem_has_the_fields_of_the_norm_and_a_stable_code() -> None:
    answer = await ask("/refused")

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.headers["content-language"], answer.headers["retry-after"]) == ("fr", "2")
    assert answer.json() == {
        "type": "urn:chartrier:problem:suspended",
        "title": "Conflict",
        "status": 409,
        "code": "suspended",
        "detail": "Suspendu.",
        "since": "2026-01-01",
    }


async def test_a_problem_speaks_english_to_whoever_asks_for_it() -> None:
    answer = await ask("/refused", **{"accept-language": "en"})

    assert (answer.json()["detail"], answer.headers["content-language"]) == ("Suspended.", "en")


async def test_every_unknown_thing_is_unknown_in_the_same_words() -> None:
    answers = [await ask(path) for path in ("/missing", "/old", "/nowhere")]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["code"] == "not_found"


async def test_a_wrong_method_is_a_problem_that_names_the_right_ones() -> None:
    answer = await ask("/refused", "DELETE")

    assert (answer.status_code, answer.json()["code"], answer.headers["allow"]) == (
        405,
        "method_not_allowed",
        "GET, POST",
    )


async def test_an_invalid_request_says_what_is_wrong_where() -> None:
    answer = await ask("/counted?limit=none", **{"accept-language": "en"})

    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        422,
        "invalid_request",
        "Invalid request.",
    )
    assert [fault["place"] for fault in answer.json()["errors"]] == ["query.limit"]


@pytest.mark.parametrize("path", ["/broken", "/misused"])
async def test_a_bug_is_a_500_that_tells_nothing_of_it(path: str) -> None:
    answer = await ask(path)

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in answer.text
    assert "RuntimeError" not in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["/away", "/full", "/refused-by-the-system", "/gone"])
async def test_a_failure_of_the_world_is_a_503_that_says_to_come_back(path: str) -> None:
    answer = await ask(path)

    assert (answer.status_code, answer.json()["code"]) == (503, "try_again")
    assert int(answer.headers["retry-after"]) > 0
    assert "10.0.0.7" not in answer.text
    assert "/srv" not in answer.text
    assert "secret" not in answer.text
