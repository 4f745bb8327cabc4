"""The door of ingest over HTTP: what is refused there is told to its sender, journaled, and not kept."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from services.ingest.api import router
from shared.identity.rights import Role
from shared.limits import Limits
from shared.messages.admin import AgreementV1
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_token, a_verifier
from tests.integration.ingest.bench import Bench, Fuse, FusedDatabase, PowerCut, an_agreement, in_chunks

pytestmark = pytest.mark.integration

CONTENT = b"any bytes are taken in; the checks come later\n" * 1000
PLACE = "/ingest/v1/transfers"
FORM = "multipart/form-data; boundary=cut"
WHOLE_FORM = b'--cut\r\nContent-Disposition: form-data; name="sip"\r\n\r\n' + CONTENT + b"\r\n--cut--\r\n"


async def nothing() -> None: ...


def an_app(bench: Bench) -> FastAPI:
    app = room_app("ingest", router, a_verifier(), Readiness("ingest"), nothing)
    app.state.ingest = bench.ingest
    return app


async def post(
    bench: Bench,
    agreement: AgreementV1,
    body: bytes = CONTENT,
    **asked: Any,  # noqa: ANN401 (httpx's own arguments)
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {a_token(Role.DEPOSITOR, agreement.establishment)}"}
    params = {"agreement": str(agreement.id), **asked.get("params", {})}
    transport = httpx.ASGITransport(an_app(bench))
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as http:
        lines = [(name, value) for name, value in asked.get("lines", ())]
        return await http.post(PLACE, params=params, content=in_chunks(body), headers=lines)


def digest_of(content: bytes, name: str = "sha-512") -> str:
    digest = hashlib.new(name.replace("-", ""), content).digest()
    return f"{name}=:{base64.b64encode(digest).decode()}:"


async def kept(bench: Bench) -> tuple[set[str], int]:
    return bench.staged_keys(), len(await bench.databases.as_superuser("SELECT 1 FROM ingest.transfer"))


NOTHING: tuple[set[str], int] = (set(), 0)


@pytest.mark.parametrize("filename", ["x" * 256, "a\nb.zip", "a\x00b", "a\x7f", "a\x85b"])
async def test_a_filename_that_could_not_be_kept_is_refused_with_all_that_came(bench: Bench, filename: str) -> None:
    agreement = await bench.agreement()
    token = a_token(Role.DEPOSITOR, agreement.establishment)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(an_app(bench)), base_url=BASE) as http:
        answer = await http.post(
            PLACE,
            params={"agreement": str(agreement.id), "filename": filename},
            content=CONTENT,
            headers={"Authorization": f"Bearer {token}"},
        )

    assert answer.status_code == 422
    assert await kept(bench) == NOTHING


async def test_a_long_name_with_accents_is_a_name(bench: Bench) -> None:
    agreement = await bench.agreement()
    name = "é" * 251 + ".zip"

    answer = await post(bench, agreement, params={"filename": name})

    assert answer.status_code == 202
    assert (await bench.transfer(UUID(answer.json()["id"]))).filename == name


REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "too_large": ({"max_bytes": 10}, {}, 413),
    "empty_body": ({}, {"body": b""}, 400),
    "multipart_malformed": ({}, {"lines": [("Content-Type", FORM)]}, 400),
    "sip_part_missing": ({}, {"body": b"--cut--\r\n", "lines": [("Content-Type", FORM)]}, 400),
    "digest_malformed": ({}, {"lines": [("Content-Digest", "sha-512=abc")]}, 400),
    "digest_mismatch": ({}, {"lines": [("Content-Digest", digest_of(b"other"))]}, 400),
    "agreement_suspended": ({"state": "suspended"}, {}, 409),
    "agreement_out_of_dates": ({"valid_to": "2001-01-01"}, {}, 409),
}


@pytest.mark.parametrize("code", REFUSALS)
async def test_a_refusal_at_the_door_is_one_line_of_the_establishments_events(bench: Bench, code: str) -> None:
    terms, asked, status = REFUSALS[code]
    agreement = await bench.agreement(**terms)

    answer = await post(bench, agreement, **asked)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await kept(bench) == NOTHING
    (line,) = await bench.lines("transfer.refused")
    assert (line.kind, line.outcome, line.actor) == ("events", "ko", "client:tests")
    assert line.establishment == agreement.establishment
    assert line.details == {"reason": code, "agreement": str(agreement.id)}


async def test_a_body_cut_short_is_journaled_though_nobody_hears_the_answer(bench: Bench) -> None:
    agreement = await bench.agreement()
    token = a_token(Role.DEPOSITOR, agreement.establishment)
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": CONTENT, "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(_message: object) -> None: ...

    scope = {
        "type": "http",
        "method": "POST",
        "path": PLACE,
        "query_string": f"agreement={agreement.id}".encode(),
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }
    await an_app(bench)(scope, receive, send)

    assert await kept(bench) == NOTHING
    (line,) = await bench.lines("transfer.refused")
    assert (line.establishment, line.details["reason"]) == (agreement.establishment, "truncated")


async def test_a_body_that_stalls_is_refused_journaled_and_not_kept(bench: Bench) -> None:
    agreement = await bench.agreement()
    token = a_token(Role.DEPOSITOR, agreement.establishment)
    app = room_app("ingest", router, a_verifier(), Readiness("ingest"), nothing, Limits(stall_seconds=0.1))
    app.state.ingest = bench.ingest
    stalled = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield CONTENT
        if not stalled.is_set():
            stalled.set()
            await asyncio.Event().wait()

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
        answer = await http.post(
            PLACE,
            params={"agreement": str(agreement.id)},
            content=body(),
            headers={"Authorization": f"Bearer {token}"},
        )

    assert (answer.status_code, answer.json()["code"]) == (408, "too_slow")
    assert answer.headers["connection"] == "close"
    assert await kept(bench) == NOTHING
    (line,) = await bench.lines("transfer.refused")
    assert (line.establishment, line.details["reason"]) == (agreement.establishment, "too_slow")


async def test_a_deposit_under_an_agreement_that_is_not_the_callers_is_the_platforms_to_know(bench: Bench) -> None:
    foreign = await bench.agreement()
    mine = await bench.agreement()

    answer = await post(bench, mine, params={"agreement": str(foreign.id)})
    unknown = await post(bench, an_agreement())

    assert (answer.status_code, unknown.status_code) == (403, 403)
    assert [(line.establishment, line.details) for line in await bench.lines("transfer.refused")] == [
        (None, {"reason": "agreement_unknown"})
    ] * 2


@pytest.mark.parametrize("name", ["sha-512", "sha-256"])
async def test_the_digest_of_a_form_is_that_of_the_whole_form(bench: Bench, name: str) -> None:
    agreement = await bench.agreement()
    form = ("Content-Type", FORM)

    wrong = await post(bench, agreement, WHOLE_FORM, lines=[form, ("Content-Digest", digest_of(CONTENT, name))])
    assert (wrong.status_code, wrong.json()["code"]) == (400, "digest_mismatch")
    assert await kept(bench) == NOTHING

    right = await post(bench, agreement, WHOLE_FORM, lines=[form, ("Content-Digest", digest_of(WHOLE_FORM, name))])
    assert right.status_code == 202


async def test_every_line_of_a_digest_header_is_compared(bench: Bench) -> None:
    agreement = await bench.agreement()
    lines = [("Content-Digest", digest_of(CONTENT)), ("Content-Digest", digest_of(b"other", "sha-256"))]

    answer = await post(bench, agreement, lines=lines)

    assert (answer.status_code, answer.json()["code"]) == (400, "digest_mismatch")


@pytest.mark.parametrize(("at", "left"), [(0, 0), (1, 1)], ids=["before anything is written", "at the commit"])
async def test_bytes_that_no_row_can_name_are_not_left_behind(bench: Bench, at: int, left: int) -> None:
    """At the commit nobody can tell whether there is a row: its bytes stay."""
    agreement = await bench.agreement()
    app = an_app(bench)
    app.state.ingest = type(bench.ingest)(
        FusedDatabase(bench.database, Fuse(at)), bench.ingest.calls, bench.staging, bench.ingest.settings
    )
    token = a_token(Role.DEPOSITOR, agreement.establishment)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
        with pytest.raises(PowerCut):
            await http.post(
                PLACE,
                params={"agreement": str(agreement.id)},
                content=CONTENT,
                headers={"Authorization": f"Bearer {token}"},
            )

    assert len(bench.staged_keys()) == left
