"""Whoever asks for tokens too often, or guesses at a secret, is slowed down; nobody else is."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.admin.api.door import TokenDoor
from services.admin.api.token import routes
from services.admin.signing import Signer
from shared.limits import Rate
from shared.rates import Turnstile
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_verifier
from tests.integration.admin.house import SECRET, House

pytestmark = pytest.mark.integration

NEVER = 0.001


async def nothing() -> None: ...


def an_app(house: House, requests: int, wrong: int) -> FastAPI:
    door = TokenDoor(Turnstile("admin", Rate(NEVER, requests)), Turnstile("admin", Rate(NEVER, wrong)))
    router = routes(house.database, Signer(house.database, SECRET), BASE, door)
    return room_app("admin", router, a_verifier(), Readiness("admin"), nothing)


async def ask(app: FastAPI, made: dict[str, Any], address: str = "192.0.2.1") -> httpx.Response:
    transport = httpx.ASGITransport(app, client=(address, 1))
    form = {"grant_type": "client_credentials", **made}
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
        return await http.post("/admin/v1/token", data=form)


async def test_guesses_at_a_secret_are_slowed_for_whoever_guesses(house: House) -> None:
    made, other = await house.credentials(("*", ["reader"])), await house.credentials(("*", ["reader"]))
    app = an_app(house, requests=100, wrong=3)
    guess = {**made, "client_secret": "x"}

    statuses = [(await ask(app, guess)).status_code for _ in range(4)]
    refused = await ask(app, guess)

    assert statuses == [401, 401, 401, 429]
    assert (refused.json()["code"], int(refused.headers["retry-after"]) > 0) == ("too_many_requests", True)
    # The right secret tells nothing to whoever has guessed too often, nor is it kept from its owner elsewhere.
    assert (await ask(app, made)).status_code == 429
    assert (await ask(app, made, "192.0.2.2")).status_code == 200
    assert (await ask(app, other)).status_code == 200


async def test_right_secrets_do_not_count_as_guesses(house: House) -> None:
    made = await house.credentials(("*", ["reader"]))
    app = an_app(house, requests=100, wrong=1)

    assert {(await ask(app, made)).status_code for _ in range(4)} == {200}


async def test_an_address_that_asks_too_often_waits_whoever_it_says_it_is(house: House) -> None:
    app = an_app(house, requests=3, wrong=100)

    statuses = [(await ask(app, {"client_id": str(uuid4()), "client_secret": "x"})).status_code for _ in range(4)]

    assert statuses == [401, 401, 401, 429]
    assert (await ask(app, {"client_id": "x"}, "192.0.2.2")).status_code == 401
