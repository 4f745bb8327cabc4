"""The receipt of a transfer, at ingest's door: of an accepted one alone, and never another town's."""

from uuid import uuid4

import httpx
import pytest

from services.ingest import handlers
from services.ingest.receipts_api import router
from shared.identity.rights import Role
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_token, a_verifier
from tests.builders.sips import AFile, ASip
from tests.integration.ingest.bench import Bench
from tests.integration.ingest.test_consulting import a_refused_transfer
from tests.integration.ingest.test_following_the_aip import catalogued, grant, hear, recorded, stored
from tests.integration.ingest.test_the_door import PLACE, nothing

pytestmark = pytest.mark.integration


async def asked(bench: Bench, town: object, transfer: object) -> httpx.Response:
    headers = {"Authorization": f"Bearer {a_token(Role.DEPOSITOR, town)}", "Accept-Language": "fr"}  # type: ignore[arg-type]
    app = room_app("ingest", router, a_verifier(), Readiness("ingest"), nothing)
    app.state.ingest = bench.ingest
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as http:
        return await http.get(f"{PLACE}/{transfer}/receipt")


async def test_of_a_refused_transfer_there_never_is_one(bench: Bench) -> None:
    transfer = await a_refused_transfer(bench)

    answer = await asked(bench, transfer.establishment, transfer.id)

    assert (answer.status_code, answer.json()["code"]) == (409, "receipt_not_ready")
    assert "retry-after" not in answer.headers
    assert (await asked(bench, uuid4(), transfer.id)).status_code == 404


async def test_before_proof_has_issued_it_one_comes_again(bench: Bench) -> None:
    deposited = await bench.deposit(bench.sip(ASip((AFile("Content/a.txt", b"a\n"),))), await bench.agreement())
    early = await asked(bench, deposited.establishment, deposited.id)
    await bench.process()
    built = await bench.built(deposited.id)
    await hear(bench, handlers.await_catalogue, stored(built))
    await hear(bench, handlers.record_deposit, catalogued(built))
    await grant(bench, recorded(built))

    late = await asked(bench, deposited.establishment, deposited.id)

    for answer in (early, late):
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (
            409,
            "receipt_not_ready",
            "5",
        )
