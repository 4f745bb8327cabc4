"""What was purged leaves the catalogue and its index; identifiers stay, and say by which order (LIF-07)."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from services.data_management import tables
from services.data_management.forgetting import FORGET, forget, forget_aips
from services.data_management.handlers import CATALOGUE, take_aips
from services.data_management.queries.scope import look_within
from services.data_management.worker import CatalogueGone, Cataloguer
from shared.clock import now
from shared.database.plumbing import outbox, work
from shared.identifiers import new_id
from shared.identity.rights import Role
from shared.messages.storage import AipPurgedV1, AipStoredV1
from shared.messaging.lease import Lease
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import lease
from tests.builders.catalogues import Catalogue, a_catalogue, a_unit, an_object
from tests.deaths import dying_at, places_of
from tests.integration.data_management.conftest import As, Load

pytestmark = pytest.mark.integration

CONTENTS = (tables.unit, tables.unit_child, tables.data_object, tables.unit_object)


def a_deposit() -> Catalogue:
    units = [a_unit("fonds"), a_unit("acte", title="Arrêté Zorglub", parents=["fonds"], objects=["o1"])]
    return a_catalogue(units, [an_object("o1", filename="zorglub.pdf")])


def purge_of(catalogue: Catalogue, version: int | None = None, units: tuple[UUID, ...] = ()) -> AipPurgedV1:
    message = catalogue.message
    return AipPurgedV1(
        order_id=new_id(),
        establishment=message.establishment,
        aip_id=message.aip_id,
        transfer_id=message.transfer_id,
        version=version,
        units=units,
        copies=2,
        size=1,
        list_sha512="1" * 128,
        visa_sha512="2" * 128,
        purged_at=now(),
    )


async def hear(database: RoomDatabase, message: AipPurgedV1) -> Lease:
    async with database.begin() as tx:
        await forget_aips(tx, [message])
    (held,) = await lease(database, [FORGET], 1)
    return held


async def purged(database: RoomDatabase, message: AipPurgedV1) -> None:
    await forget(database, await hear(database, message))


async def contents(database: RoomDatabase, catalogue: Catalogue) -> list[int]:
    async with database.engine.connect() as connection:
        await look_within(connection, [catalogue.message.establishment])
        return [await connection.scalar(select(func.count()).select_from(table)) or 0 for table in CONTENTS]


async def forgotten(database: RoomDatabase, order: AipPurgedV1) -> list[dict[str, object]]:
    async with database.reading() as connection:
        bodies = await connection.scalars(select(outbox.c.body).where(outbox.c.topic == "journal.lines.v1"))
        lines = [line for body in bodies for line in json.loads(body)["lines"]]
    return [
        line
        for line in lines
        if line["action"] == "aip.forgotten" and line["details"]["order"] == str(order.order_id)
    ]


async def test_nothing_of_it_is_left_and_the_others_stay(database: RoomDatabase, load: Load, seen_by: As) -> None:
    gone, other = a_deposit(), a_deposit()
    await load(gone)
    await load(other)
    auditor = seen_by(Role.ARCHIVIST, gone.message.establishment, other.message.establishment)

    await purged(database, order := purge_of(gone))

    assert await contents(database, gone) == [0, 0, 0, 0]
    assert await contents(database, other) == [2, 1, 1, 1]
    found = (await auditor.get("/data_management/v1/units", params={"q": "zorglub"})).json()["items"]
    assert [unit["aip_id"] for unit in found] == [str(other.message.aip_id)]
    (line,) = await forgotten(database, order)
    assert line["details"] == {"order": str(order.order_id), "units": 2}


async def test_the_identifier_of_a_unit_says_by_which_order_it_went(
    database: RoomDatabase, load: Load, seen_by: As
) -> None:
    gone = a_deposit()
    await load(gone)
    await purged(database, order := purge_of(gone))
    path = f"/data_management/v1/units/{gone.unit_id('acte')}"

    answer = await seen_by(Role.ARCHIVIST, gone.message.establishment).get(path)
    foreign = await seen_by(Role.ARCHIVIST, new_id()).get(path)

    assert (answer.status_code, answer.json()["code"]) == (410, "unit_purged")
    assert answer.json()["order"] == str(order.order_id)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "not_found")


async def test_told_twice_it_is_one_end(database: RoomDatabase, load: Load) -> None:
    gone = a_deposit()
    await load(gone)
    await purged(database, order := purge_of(gone))
    await purged(database, order)

    assert len(await forgotten(database, order)) == 1


async def test_a_catalogue_that_comes_late_brings_nothing_back(database: RoomDatabase, load: Load) -> None:
    gone = a_deposit()
    await load(gone)
    await purged(database, purge_of(gone))
    again = gone.message.model_copy(update={"version": 2})

    async with database.begin() as tx:
        await take_aips(tx, [gone.message, again])
    for held in await lease(database, [CATALOGUE], 5):
        await Cataloguer(database, gone.fetch()).catalogue(held)

    assert await contents(database, gone) == [0, 0, 0, 0]


async def test_a_catalogue_that_storage_gives_no_more_is_not_waited_for(database: RoomDatabase) -> None:
    gone = a_deposit()

    @asynccontextmanager
    async def refused(message: AipStoredV1) -> AsyncIterator[AsyncIterator[bytes]]:
        if message.aip_id == gone.message.aip_id:
            raise CatalogueGone(str(message.aip_id))
        async with gone.fetch()(message) as chunks:
            yield chunks

    async with database.begin() as tx:
        await take_aips(tx, [gone.message])
    (held,) = await lease(database, [CATALOGUE], 1)
    await Cataloguer(database, refused).catalogue(held)

    assert await lease(database, [CATALOGUE], 1, seconds=0) == []
    assert await contents(database, gone) == [0, 0, 0, 0]


async def test_an_aip_that_was_never_catalogued_never_will_be(database: RoomDatabase, load: Load) -> None:
    gone = a_deposit()
    await purged(database, purge_of(gone))

    await load(gone)

    assert await contents(database, gone) == [0, 0, 0, 0]


async def test_what_remains_has_to_be_catalogued_before_some_units_are_forgotten(
    database: RoomDatabase, load: Load, seen_by: As
) -> None:
    partly = a_deposit()
    await load(partly)
    order = purge_of(partly, 2, (new_id(),))
    held = await hear(database, order)

    with pytest.raises(TryAgain, match="not catalogued yet"):
        await forget(database, held)
    await load(Catalogue(partly.message.model_copy(update={"version": 2}), partly.content))
    await forget(database, held)

    assert await contents(database, partly) == [2, 1, 1, 1]
    path = f"/data_management/v1/units/{order.units[0]}"
    answer = await seen_by(Role.ARCHIVIST, partly.message.establishment).get(path)
    assert (answer.status_code, answer.json()["order"]) == (410, str(order.order_id))


async def test_ten_thousand_units_are_noted_in_one_statement(database: RoomDatabase, load: Load) -> None:
    partly = a_deposit()
    await load(Catalogue(partly.message.model_copy(update={"version": 2}), partly.content))

    await purged(database, order := purge_of(partly, 2, tuple(new_id() for _ in range(10_000))))

    (line,) = await forgotten(database, order)
    assert line["details"] == {"order": str(order.order_id), "units": 10_000}


@pytest.mark.parametrize("place", places_of("data_management.forget"))
async def test_whoever_dies_there_the_end_is_the_same(database: RoomDatabase, load: Load, place: str) -> None:
    gone = a_deposit()
    await load(gone)
    held = await hear(database, order := purge_of(gone))

    with dying_at(place):
        await forget(database, held)
    async with database.begin() as tx:
        await tx.connection.execute(update(work).values(leased_until=None))
    for again in await lease(database, [FORGET], 1, seconds=0):
        await forget(database, again)

    assert await contents(database, gone) == [0, 0, 0, 0]
    assert len(await forgotten(database, order)) == 1
    async with database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(work).where(work.c.kind == FORGET)) == 0


async def test_of_what_went_whole_since_no_version_is_waited_for(database: RoomDatabase) -> None:
    """An empty catalogue hears, in a rebuild, of units that went, and of all of the rest that went later."""
    catalogue = a_deposit()
    unit = new_id()
    await purged(database, purge_of(catalogue))

    await purged(database, purge_of(catalogue, 2, (unit,)))

    async with database.engine.connect() as connection:
        await look_within(connection, [catalogue.message.establishment])
        assert list(await connection.scalars(select(tables.purged_unit.c.id))) == [unit]
