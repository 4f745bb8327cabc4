"""After a purge nothing of it is given out: packages that may hold it are taken back, ready or half made (LIF-07)."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from services.access import queries, tables
from services.access.domain.dip import Dip, DipState, package_key
from services.access.forgetting import forget_aips
from services.access.handlers import BUILD, EXPIRE, Access, build_dip, expire_dip, sources_of
from services.access.pipeline.package import Sources
from shared.clock import now
from shared.database.plumbing import work
from shared.identifiers import new_id
from shared.identity.rights import Role
from shared.messages.storage import AipPurgedV1
from shared.messaging.lease import Piece
from shared.messaging.work import StaleLease, enqueue, lease
from shared.object_store.errors import NoSuchObject
from tests.builders.catalogues import Catalogue, a_catalogue, a_unit, an_object
from tests.deaths import dying_at, places_of
from tests.integration.access.conftest import House

pytestmark = pytest.mark.integration

BYTES = b"%PDF zorglub"
Meanwhile = Callable[[], Awaitable[None]]


def access_of(house: House) -> Access:
    access: Access = house.access.app.state.access
    return access


async def deposited(house: House) -> Catalogue:
    digest = hashlib.sha512(BYTES).hexdigest()
    units = [a_unit("r", "Dossier", objects=["pdf"]), a_unit("u", "Pièce", parents=["r"])]
    catalogue = a_catalogue(units, [an_object("pdf", size=len(BYTES), sha512=digest, offset=0)])
    await house.keep(catalogue, BYTES)
    return catalogue


async def ordered(house: House, catalogue: Catalogue, unit: str = "r") -> Dip:
    at = now()
    dip = Dip(
        id=new_id(),
        establishment=catalogue.message.establishment,
        orderer="client:tests",
        units=(catalogue.unit_id(unit),),
        state=DipState.ORDERED,
        ordered_at=at,
        expires_at=at + timedelta(days=7),
    )
    async with access_of(house).database.begin() as tx:
        await tx.connection.execute(work.delete())
        await queries.add_dip(tx.connection, dip)
        await enqueue(tx, BUILD, Piece(str(dip.id)))
    return dip


async def build(house: House, meanwhile: Meanwhile | None = None) -> None:
    access = access_of(house)
    real = sources_of(access.rooms)

    async def data_object(object_id: UUID) -> dict[str, object] | None:
        found = await real.data_object(object_id)
        if meanwhile is not None:
            await meanwhile()
        return found

    for held in await lease(access.database, [BUILD], 5):
        await build_dip(access, Sources(real.branch, data_object, real.content), held)


async def hear_of(house: House, catalogue: Catalogue, *units: UUID) -> AipPurgedV1:
    message = purge_of(catalogue, *units)
    await hear(house, message)
    return message


def purge_of(catalogue: Catalogue, *units: UUID) -> AipPurgedV1:
    return AipPurgedV1(
        order_id=new_id(),
        establishment=catalogue.message.establishment,
        aip_id=catalogue.message.aip_id,
        transfer_id=catalogue.message.transfer_id,
        version=2 if units else None,
        units=units,
        copies=2,
        size=1,
        list_sha512="1" * 128,
        visa_sha512="2" * 128,
        purged_at=now(),
    )


async def hear(house: House, message: AipPurgedV1) -> None:
    async with access_of(house).database.begin() as tx:
        await forget_aips(tx, [message])


async def sweep(house: House) -> None:
    access = access_of(house)
    for held in await lease(access.database, [EXPIRE], 5):
        await expire_dip(access, held)


async def standing(house: House, dip: Dip) -> Dip:
    async with access_of(house).database.reading() as connection:
        found = await queries.get_dip(connection, dip.id)
    assert found is not None
    return found


async def is_left(house: House, dip: Dip) -> bool:
    try:
        await access_of(house).staging.stat(package_key(dip.id, 1))
    except NoSuchObject:
        return False
    return True


async def test_a_ready_package_is_taken_back_and_removed(house: House) -> None:
    gone, other = await deposited(house), await deposited(house)
    dip = await ordered(house, gone)
    await build(house)
    kept = await ordered(house, other)
    await build(house)

    order = await hear_of(house, gone)
    async with house.seen_by(Role.READER, gone.message.establishment) as reader:
        answer = await reader.get(f"/access/v1/dips/{dip.id}/content")
    await sweep(house)

    assert (answer.status_code, answer.json()["code"]) == (410, "dip_expired")
    assert (await standing(house, dip)).state is DipState.EXPIRED
    assert ((await standing(house, kept)).state, await is_left(house, dip)) == (DipState.READY, False)
    (line,) = await house.lines_about(f"aip:{gone.message.aip_id}")
    assert (line["action"], line["details"]) == (
        "aip.forgotten",
        {"order": str(order.order_id), "packages": 1},
    )


async def test_a_package_of_the_release_before_may_hold_anything_of_its_establishment(house: House) -> None:
    gone = await deposited(house)
    dip = await ordered(house, gone)
    await build(house)
    async with access_of(house).database.begin() as tx:
        await tx.connection.execute(update(tables.dip).where(tables.dip.c.id == dip.id).values(aips=None))

    await hear_of(house, gone)

    assert (await standing(house, dip)).state is DipState.EXPIRED


async def test_a_package_that_is_being_built_is_never_given(house: House) -> None:
    gone = await deposited(house)
    dip = await ordered(house, gone)

    async def purged() -> None:
        await hear_of(house, gone)

    await build(house, purged)

    assert (await standing(house, dip)).state is DipState.FAILED
    assert "eliminated" in ((await standing(house, dip)).reason or "")
    assert not await is_left(house, dip)


async def test_who_was_taken_for_dead_leaves_no_package_behind(house: House) -> None:
    """Another has built it meanwhile, and what both wrote was removed, but for what is written now."""
    gone = await deposited(house)
    dip = await ordered(house, gone)
    database = access_of(house).database

    async def overtaken() -> None:
        async with database.begin() as tx:
            await tx.connection.execute(update(work).values(leased_until=None))
        await build(house)
        await hear_of(house, gone)
        await sweep(house)

    with pytest.raises(StaleLease):
        await build(house, overtaken)

    assert (await standing(house, dip)).state is DipState.EXPIRED
    assert not await is_left(house, dip)


async def test_what_the_catalogue_has_not_forgotten_yet_is_packed_no_more(house: House) -> None:
    gone = await deposited(house)
    await hear_of(house, gone)
    dip = await ordered(house, gone, "u")

    await build(house)

    assert (await standing(house, dip)).state is DipState.FAILED
    assert not await is_left(house, dip)


async def test_what_remains_of_an_aip_can_be_ordered(house: House) -> None:
    partly = await deposited(house)
    await hear_of(house, partly, partly.unit_id("r"))
    rest = await ordered(house, partly, "u")
    await build(house)
    gone = await ordered(house, partly, "r")
    await build(house)

    assert (await standing(house, rest)).state is DipState.READY
    assert (await standing(house, gone)).state is DipState.FAILED


async def test_told_twice_it_is_one_end(house: House) -> None:
    gone = await deposited(house)
    order = await hear_of(house, gone)

    async with access_of(house).database.begin() as tx:
        await forget_aips(tx, [order])

    assert len(await house.lines_about(f"aip:{gone.message.aip_id}")) == 1


async def test_bytes_that_storage_gives_no_more_are_gone_not_missing(house: House) -> None:
    gone = await deposited(house)
    house.shelf.eliminated.add(str(gone.message.aip_id))

    async with house.seen_by(Role.READER, gone.message.establishment) as reader:
        answer = await reader.get(f"/access/v1/objects/{gone.object_id('pdf')}/content")

    assert (answer.status_code, answer.json()["code"]) == (410, "aip_purged")


async def test_bytes_are_asked_for_in_the_version_that_the_catalogue_speaks_of(house: House) -> None:
    partly = await deposited(house)
    await house.keep(Catalogue(partly.message.model_copy(update={"version": 2}), partly.content), BYTES)

    async with house.seen_by(Role.READER, partly.message.establishment) as reader:
        answer = await reader.get(f"/access/v1/objects/{partly.object_id('pdf')}/content")

    assert (answer.content, house.shelf.versions) == (BYTES, ["2"])


@pytest.mark.parametrize("place", places_of("access.forget"))
async def test_whoever_dies_there_the_end_is_the_same(house: House, place: str) -> None:
    gone = await deposited(house)
    dip = await ordered(house, gone)
    await build(house)
    order = purge_of(gone)

    with dying_at(place):
        await hear(house, order)
        await sweep(house)
    await hear(house, order)
    async with access_of(house).database.begin() as tx:
        await tx.connection.execute(update(work).values(leased_until=None))
    await sweep(house)

    assert ((await standing(house, dip)).state, await is_left(house, dip)) == (DipState.EXPIRED, False)
    assert len(await house.lines_about(f"aip:{gone.message.aip_id}")) == 1
    async with access_of(house).database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(work)) == 0
