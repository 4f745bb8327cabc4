"""A DIP is ordered, built by a worker, fetched by those who may, and let go."""

import hashlib
import io
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.access import queries
from services.access.domain.dip import Dip, DipState, package_key
from services.access.handlers import BUILD, EXPIRE, Access, build_dip, expire_dip, sources_of
from shared.clock import now
from shared.database.plumbing import work
from shared.identity.rights import Role
from shared.messaging.lease import Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.work import StaleLease, enqueue, lease
from shared.object_store.errors import NoSuchObject
from shared.object_store.filesystem import FilesystemStore
from shared.object_store.space import Allowance
from tests.builders.catalogues import Catalogue, a_catalogue, a_unit, an_object
from tests.integration.access.conftest import House

pytestmark = pytest.mark.integration

Built = Callable[[str], Awaitable[dict[str, Any]]]

PDF, XML = b"%PDF " * 2000, b"<flux/>"
AIP = b"\0" * 1024 + PDF + b"\0" * 24 + XML


@pytest.fixture
async def deposit(house: House) -> Catalogue:
    def placed(xml_id: str, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha512(content).hexdigest()
        return an_object(xml_id, size=len(content), sha512=digest, offset=AIP.index(content))

    catalogue = a_catalogue(
        [a_unit("r", "Dossier", objects=["pdf"]), a_unit("u", "Pièce", parents=["r"], objects=["xml"])],
        [placed("pdf", PDF), placed("xml", XML)],
    )
    await house.keep(catalogue, AIP)
    return catalogue


def wanted(catalogue: Catalogue, *xml_ids: str) -> dict[str, list[str]]:
    return {"units": [str(catalogue.unit_id(xml_id)) for xml_id in xml_ids]}


async def test_an_ordered_package_is_built_and_verified_and_fetched(
    house: House, deposit: Catalogue, working: Built
) -> None:
    async with house.seen_by(Role.READER, deposit.message.establishment) as reader:
        order = await reader.post("/access/v1/dips", json=wanted(deposit, "r"))
        assert (order.status_code, order.json()["state"]) == (202, "ordered")
        dip = await working(order.json()["id"])
        assert dip["state"] == "ready", dip
        package = await reader.get(dip["links"]["content"])
        resumed = await reader.get(dip["links"]["content"], headers={"Range": "bytes=100-"})

    assert order.headers["location"] == dip["links"]["self"]
    assert hashlib.sha512(package.content).hexdigest() == dip["sha512"]
    assert (len(package.content), package.headers["etag"]) == (dip["size"], f'"{dip["sha512"]}"')
    assert (resumed.status_code, resumed.content) == (206, package.content[100:])
    content = zipfile.ZipFile(io.BytesIO(package.content))
    folder = f"content/{deposit.message.aip_id}/Content"
    assert content.read(f"{folder}/pdf.pdf") == PDF
    assert content.read(f"{folder}/xml.pdf") == XML


async def test_an_order_beyond_the_callers_establishments_is_not_found_and_is_journaled(
    house: House, deposit: Catalogue
) -> None:
    async with house.seen_by(Role.READER, uuid4()) as stranger:
        refused = await stranger.post("/access/v1/dips", json=wanted(deposit, "u"))

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    (line,) = await house.lines_about(f"unit:{deposit.unit_id('u')}")
    assert (line["action"], line["outcome"]) == ("content.refused", "ko")


async def test_an_order_is_of_one_establishment(house: House, deposit: Catalogue) -> None:
    other = a_catalogue()
    await house.keep(other, b"")
    units = wanted(deposit, "u")["units"] + wanted(other, "u1")["units"]

    async with house.seen_by(Role.READER, deposit.message.establishment, other.message.establishment) as reader:
        answer = await reader.post("/access/v1/dips", json={"units": units})

    assert (answer.status_code, answer.json()["code"]) == (422, "several_establishments")
    places = {str(catalogue.message.establishment) for catalogue in (deposit, other)}
    assert set(answer.json()["establishments"]) == places


async def test_a_package_is_nobody_elses(house: House, deposit: Catalogue, working: Built) -> None:
    async with house.seen_by(Role.READER, deposit.message.establishment) as reader:
        dip = await working((await reader.post("/access/v1/dips", json=wanted(deposit, "u"))).json()["id"])

    async with house.seen_by(Role.READER, uuid4()) as stranger:
        for path in (*dip["links"].values(), "/access/v1/dips/nonsense", f"/access/v1/dips/{uuid4()}"):
            assert (await stranger.get(path)).status_code == 404
    async with house.seen_by(Role.READER, deposit.message.establishment, subject="colleague") as colleague:
        assert (await colleague.head(dip["links"]["content"])).status_code == 200


async def test_a_package_that_is_not_ready_is_a_problem(house: House, deposit: Catalogue) -> None:
    async with house.seen_by(Role.READER, deposit.message.establishment) as reader:
        order = (await reader.post("/access/v1/dips", json=wanted(deposit, "u"))).json()
        answer = await reader.get(order["links"]["content"])

    assert (answer.status_code, answer.json()["code"]) == (409, "dip_not_ready")


def access_of(house: House) -> Access:
    access: Access = house.access.app.state.access
    return access


async def an_order(house: House, *units: UUID, age: timedelta = timedelta()) -> Dip:
    ordered_at = now() - age
    dip = Dip(
        id=uuid4(),
        establishment=uuid4(),
        orderer="client:tests",
        units=units,
        state=DipState.ORDERED,
        ordered_at=ordered_at,
        expires_at=ordered_at + timedelta(days=7),
    )
    async with access_of(house).database.begin() as tx:
        await tx.connection.execute(work.delete())
        await queries.add_dip(tx.connection, dip)
        await enqueue(tx, BUILD, Piece(str(dip.id)))
    return dip


async def now_standing(house: House, dip: Dip) -> Dip:
    async with access_of(house).database.engine.connect() as connection:
        found = await queries.get_dip(connection, dip.id)
    assert found is not None
    return found


async def test_an_order_that_cannot_be_packed_fails_and_says_why(house: House) -> None:
    dip = await an_order(house, UUID(int=7))
    access = access_of(house)
    (held,) = await lease(access.database, [BUILD], 1)

    await build_dip(access, sources_of(access.rooms), held)

    failed = await now_standing(house, dip)
    assert failed.state is DipState.FAILED
    assert "no longer in the catalogue" in (failed.reason or "")
    told = await house.lines_about(f"dip:{dip.id}")
    assert [(line["action"], line["outcome"]) for line in told] == [("dip.failed", "ko")]
    with pytest.raises(NoSuchObject):
        await access.staging.stat(package_key(dip.id, held.epoch))


async def test_an_order_nobody_could_build_in_time_fails(house: House, deposit: Catalogue) -> None:
    dip = await an_order(house, deposit.unit_id("u"), age=timedelta(days=8))
    access = access_of(house)
    (held,) = await lease(access.database, [BUILD], 1)

    await build_dip(access, sources_of(access.rooms), held)

    assert (await now_standing(house, dip)).state is DipState.FAILED


async def test_a_package_waits_until_there_is_room_for_it_beyond_the_reserve(
    house: House, deposit: Catalogue, tmp_path: Path
) -> None:
    async def built(held: Lease, left: int) -> None:
        staging = FilesystemStore(tmp_path / "staging", Allowance(reserve=1000, quota=before + left))
        try:
            await build_dip(replace(access, staging=staging), sources_of(access.rooms), held)
        finally:
            await staging.close()

    access = access_of(house)
    async with access.database.reading() as connection:
        before = await queries.ready_bytes(connection)  # of other tests
    first = await an_order(house, deposit.unit_id("r"))
    (held,) = await lease(access.database, [BUILD], 1)
    with pytest.raises(TryAgain, match="no room for packages"):
        await built(held, 1000)
    with pytest.raises(TryAgain, match="room for 8000 bytes, and the package has 10007"):
        await built(held, 9000)
    await built(held, 20_000)

    second = await an_order(house, deposit.unit_id("r"))
    (held,) = await lease(access.database, [BUILD], 1)
    with pytest.raises(TryAgain, match="and the package has 10007"):
        await built(held, 20_000)  # the first lies there

    assert [(await now_standing(house, dip)).state for dip in (first, second)] == [DipState.READY, DipState.ORDERED]


async def test_of_two_workers_on_one_order_the_later_wins_alone(house: House, deposit: Catalogue) -> None:
    dip = await an_order(house, deposit.unit_id("u"))
    access = access_of(house)
    build = partial(build_dip, access, sources_of(access.rooms))
    (slow,) = await lease(access.database, [BUILD], 1, seconds=0)
    (successor,) = await lease(access.database, [BUILD], 1)

    with pytest.raises(StaleLease):
        await build(slow)
    assert (await now_standing(house, dip)).state is DipState.ORDERED

    await build(successor)
    ready = await now_standing(house, dip)
    assert (ready.state, ready.key) == (DipState.READY, package_key(dip.id, successor.epoch))
    (line,) = await house.lines_about(f"dip:{dip.id}")
    assert (line["action"], line["details"]) == ("dip.built", {"size": ready.size, "sha512": ready.sha512})


async def test_a_slow_workers_late_start_hides_no_later_attempt(house: House, deposit: Catalogue) -> None:
    dip = await an_order(house, deposit.unit_id("u"))
    database = access_of(house).database

    async with database.begin() as tx:
        for epoch in (1, 3, 2):
            await queries.begin_attempt(tx.connection, dip.id, epoch)
        assert await queries.attempts_of(tx.connection, dip.id) == 3


async def test_an_order_and_a_fetched_package_are_journaled(house: House, deposit: Catalogue) -> None:
    async with house.seen_by(Role.READER, deposit.message.establishment) as reader:
        order = (await reader.post("/access/v1/dips", json=wanted(deposit, "u"))).json()
        access = access_of(house)
        async with access.database.begin() as tx:
            await tx.connection.execute(work.delete())
            await enqueue(tx, BUILD, Piece(order["id"]))
        (held,) = await lease(access.database, [BUILD], 1)
        await build_dip(access, sources_of(access.rooms), held)
        await reader.get(order["links"]["content"])

    lines = await house.lines_about(f"dip:{order['id']}")
    assert [line["action"] for line in lines] == ["dip.ordered", "dip.built", "content.communicated"]
    assert {line["establishment"] for line in lines} == {str(deposit.message.establishment)}


async def test_a_package_goes_when_its_time_is_over_with_what_every_attempt_left(
    house: House, deposit: Catalogue
) -> None:
    dip = await an_order(house, deposit.unit_id("u"))
    access = access_of(house)
    await access.staging.put(package_key(dip.id, 1), b"left by a worker that died")
    await lease(access.database, [BUILD], 1, seconds=0)
    (held,) = await lease(access.database, [BUILD], 1)
    await build_dip(access, sources_of(access.rooms), held)
    assert await lease(access.database, [EXPIRE], 1) == []  # not before seven days

    async with access.database.begin() as tx:
        await tx.connection.execute(work.update().values(not_before=now() - timedelta(seconds=1)))
    (over,) = await lease(access.database, [EXPIRE], 1)
    await expire_dip(access, over)

    assert (await now_standing(house, dip)).state is DipState.EXPIRED
    for epoch in (1, 2):
        with pytest.raises(NoSuchObject):
            await access.staging.stat(package_key(dip.id, epoch))
    async with house.seen_by(Role.ARCHIVIST) as archivist:
        gone = await archivist.get(f"/access/v1/dips/{dip.id}/content")
    assert (gone.status_code, gone.json()["code"]) == (410, "dip_expired")
