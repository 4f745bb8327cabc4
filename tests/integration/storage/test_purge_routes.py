"""Who may see copies sees what was ordered purged, what it waits for, and where nothing is left."""

from dataclasses import replace
from uuid import UUID

import httpx
import pytest

from services.storage import api, purge_api
from services.storage.api import Storage
from services.storage.space import site_spaces
from shared.identifiers import new_id
from shared.identity.rights import Role
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_token, a_verifier
from tests.integration.storage.depot import Depot
from tests.integration.storage.purge_desk import PurgeDesk, an_order

pytestmark = pytest.mark.integration


async def nothing() -> None: ...


async def asked(depot: Depot, path: str, role: Role, *establishments: UUID) -> httpx.Response:
    app = room_app("storage", api.router, a_verifier(), Readiness("storage"), nothing)
    app.include_router(purge_api.router)
    app.state.storage = Storage(depot.database, depot.sites, site_spaces(depot.database, depot.sites))
    headers = {"Authorization": f"Bearer {a_token(role, *establishments)}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, headers=headers) as client:
        return await client.get(f"/storage/v1{path}")


async def test_an_order_is_seen_by_its_establishment_alone(desk: PurgeDesk) -> None:
    mine, theirs = await desk.stored(), await desk.stored()
    order = await desk.purged(mine)
    await desk.order(an_order(theirs))

    items = (await asked(desk.depot, "/purges", Role.PRODUCER, mine.establishment)).json()["items"]
    foreign = f"/purges?establishment={theirs.establishment}"

    (seen,) = items
    assert (seen["id"], seen["state"], seen["waits"]) == (str(order.order_id), "done", [])
    assert [(one["version"], one["site"]) for one in seen["gone"]] == [(1, "a"), (1, "b")]
    assert (await asked(desk.depot, foreign, Role.PRODUCER, mine.establishment)).json()["items"] == []
    assert len((await asked(desk.depot, "/purges", Role.AUDITOR)).json()["items"]) == 2


async def test_what_an_order_waits_for_is_named(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.order(an_order(message))
    await desk.begin()
    fewer = PurgeDesk(replace(desk.depot, sites={"a": desk.depot.sites["a"]}))
    await fewer.delete()

    (seen,) = (await asked(desk.depot, "/purges", Role.OPERATOR)).json()["items"]

    assert seen["waits"] == [{"version": 1, "site": "b", "obstacle": "undeclared", "until": None}]


async def test_bytes_of_an_eliminated_aip_are_gone_and_its_copy_map_is_not(desk: PurgeDesk) -> None:
    message = await desk.stored()
    await desk.purged(message)
    path = f"/aips/{message.aip_id}"

    content = await asked(desk.depot, f"{path}/content", Role.READER, message.establishment)
    copies = await asked(desk.depot, f"{path}/copies", Role.PRODUCER, message.establishment)

    assert (content.status_code, content.json()["code"]) == (410, "aip_purged")
    assert (copies.status_code, copies.json()["state"]) == (200, "purged")
    assert {copy["state"] for copy in copies.json()["copies"]} == {"purged"}


@pytest.mark.parametrize(("version", "status"), [("1", 200), ("2", 404), ("0", 422), ("x", 422)])
async def test_bytes_are_given_in_the_version_that_is_asked_for(desk: PurgeDesk, version: str, status: int) -> None:
    message = await desk.stored()

    path = f"/aips/{message.aip_id}/content?version={version}"
    answer = await asked(desk.depot, path, Role.READER, message.establishment)

    assert answer.status_code == status


async def test_an_order_that_was_refused_says_why(desk: PurgeDesk) -> None:
    planted = await desk.planted()
    await desk.rewritten(an_order(planted.message, stranger := new_id()))

    (seen,) = (await asked(desk.depot, "/purges", Role.PRODUCER, planted.message.establishment)).json()["items"]

    assert (seen["state"], seen["gone"]) == ("refused", [])
    assert str(stranger) in seen["reason"]
    assert seen["done_at"] is not None
