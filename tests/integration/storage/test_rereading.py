"""Every copy of an AIP is read again when somebody asks: what each site gives back, and whether it is a package."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.storage import rereading_api
from services.storage.api import Storage
from services.storage.domain.copies import CopyState
from services.storage.doubts import DOUBT, Doubter
from services.storage.space import site_spaces
from shared.identity.rights import Role
from shared.messages.ingest import AipBuiltV1
from shared.object_store.errors import StoreUnavailable
from shared.object_store.filesystem_site import FilesystemSite
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_token, a_verifier
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot, spoil
from tests.integration.storage.test_restore_tests import AIP, stored

pytestmark = pytest.mark.integration


async def nothing() -> None: ...


async def examined(depot: Depot, town: UUID, aip: UUID = AIP, role: Role = Role.AUDITOR) -> httpx.Response:
    app = room_app("storage", rereading_api.router, a_verifier(), Readiness("storage"), nothing)
    app.state.storage = Storage(depot.database, depot.sites, site_spaces(depot.database, depot.sites))
    headers = {"Authorization": f"Bearer {a_token(role, town)}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, headers=headers) as client:
        return await client.get(f"/storage/v1/aips/{aip}/examination")


async def rows(depot: Depot, message: AipBuiltV1) -> tuple[dict[str, Any], dict[str, dict[str, Any]], dict[str, Any]]:
    """Return what is said first, of each copy, and of the package."""
    answer = await examined(depot, message.establishment)
    assert answer.status_code == 200
    first, *copies, last = [json.loads(line) for line in answer.content.splitlines() if line]
    return first, {copy["site"]: copy for copy in copies}, last["package"]


def file_of(depot: Depot, site: str, key: str) -> Any:  # noqa: ANN401 (a path)
    store = depot.sites[site].store
    assert isinstance(store, FilesystemSite)
    return store.path_of(key)


@pytest.mark.parametrize("kind", ["folders", "buckets"])
async def test_every_copy_is_read_and_one_taken_apart(open_depot: OpenDepot, kind: str) -> None:
    depot = await open_depot(kind)
    message = await stored(depot)

    first, copies, package = await rows(depot, message)

    assert (first["sha512"], first["size"], first["sites"]) == (message.sha512, message.size, ["a", "b"])
    for copy in copies.values():
        assert (copy["verdict"], copy["found_sha512"], copy["found_size"]) == ("whole", message.sha512, message.size)
    assert (package["members"], package["faults"]) == (8, [])


async def test_an_altered_copy_is_told_and_left_to_the_doubter(depot: Depot) -> None:
    message = await stored(depot)
    spoil(file_of(depot, "b", (await depot.copies(AIP))["b"].key))

    _, copies, package = await rows(depot, message)

    assert (copies["a"]["verdict"], copies["b"]["verdict"]) == ("whole", "mismatch")
    assert copies["b"]["found_sha512"] not in {None, message.sha512}
    assert package["site"] == "a"
    for work in await depot.lease(DOUBT):
        await Doubter(depot.database, depot.sites).judge(work)
    assert (await depot.copies(AIP))["b"].state is CopyState.LOST


async def test_a_copy_that_is_gone_is_missing(depot: Depot) -> None:
    message = await stored(depot)
    file_of(depot, "b", (await depot.copies(AIP))["b"].key).unlink()

    _, copies, _ = await rows(depot, message)

    assert (copies["b"]["verdict"], copies["b"]["found_sha512"]) == ("missing", None)


async def test_a_site_that_is_away_or_not_declared_says_nothing(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await stored(depot)

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("it hangs")

    monkeypatch.setattr(depot.sites["b"].store, "sha512", away)
    _, copies, package = await rows(depot, message)
    _, without, _ = await rows(replace(depot, sites={"b": depot.sites["b"]}), message)

    assert (copies["a"]["verdict"], copies["b"]["verdict"], package["site"]) == ("whole", "unknown", "a")
    assert (without["a"]["verdict"], without["a"]["place"]) == ("unknown", None)


async def test_whoever_waits_for_a_long_reading_is_told_that_it_goes_on(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, waited = await stored(depot), asyncio.Event()
    read = depot.sites["a"].store.sha512

    async def slow(*asked: Any, **more: Any) -> Any:  # noqa: ANN401 (the store's own)
        await waited.wait()
        return await read(*asked, **more)

    monkeypatch.setattr(depot.sites["a"].store, "sha512", slow)
    monkeypatch.setattr(rereading_api, "STILL_SECONDS", 0.02)
    asyncio.get_running_loop().call_later(0.2, waited.set)

    answer = await examined(depot, message.establishment)

    assert b"\n\n" in answer.content
    assert answer.content.count(b'"verdict": "whole"') == 2


async def test_it_is_for_those_who_may_see_copies(depot: Depot) -> None:
    message = await stored(depot)

    assert (await examined(depot, uuid4())).status_code == 404
    assert (await examined(depot, message.establishment, uuid4())).status_code == 404
    assert (await examined(depot, message.establishment, role=Role.READER)).status_code == 403
