"""Audits over HTTP, as an operator or an auditor asks for them, and the work that this leaves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx

from services.storage.audit_api import Audits, router
from services.storage.audit_survey import Surveyor
from services.storage.coherence import Comparer
from services.storage.examining import Examiner
from services.storage.runs import COHERENCE, SAMPLE
from services.storage.sampling import Sampler
from shared.identity.rights import Role
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_token, a_verifier
from tests.integration.storage.depot import Depot

PLACE = "/storage/v1/audits"


async def quiet() -> None: ...


@asynccontextmanager
async def door(depot: Depot, token: str) -> AsyncIterator[httpx.AsyncClient]:
    app = room_app("storage", router, a_verifier(), Readiness("storage"), quiet)
    sites = sorted(depot.sites)
    surveyor = Surveyor(depot.database, sites, depot.settings)
    app.state.audits = Audits(depot.database, surveyor, depot.settings, sites)
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, headers=headers) as http:
        yield http


async def asked(depot: Depot, what: str, body: dict[str, Any], token: str = "") -> str:
    """Ask for a run; return where it is told of."""
    async with door(depot, token or a_token(Role.OPERATOR)) as http:
        answer = await http.post(f"{PLACE}/{what}", json=body)
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]


async def told(depot: Depot, place: str, token: str = "") -> dict[str, Any]:
    async with door(depot, token or a_token(Role.AUDITOR)) as http:
        answer = await http.get(place)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def a_sampler(depot: Depot) -> Sampler:
    return Sampler(depot.database, Examiner(depot.database, depot.sites, timedelta(days=2)), 1.0)


async def work_off(depot: Depot) -> None:
    for held in await depot.lease(SAMPLE):
        await a_sampler(depot).sample(held)
    for held in await depot.lease(COHERENCE):
        await Comparer(depot.database, depot.sites, 3).compare(held)
