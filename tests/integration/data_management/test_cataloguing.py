"""A stored AIP is catalogued once, whole or not at all."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import Table, func, select

from services.data_management import tables
from services.data_management.domain.catalogue import UnreadableCatalogue
from services.data_management.handlers import CATALOGUE, take_aips
from services.data_management.queries.scope import look_within
from services.data_management.reading import WrongCatalogue
from services.data_management.wiring import fetch_catalogue
from services.data_management.worker import Cataloguer
from services.local.ports import free_ports
from shared.calls import RoomCalls, RoomUnavailable
from shared.database.plumbing import outbox, work
from shared.messages.data_management import AipCataloguedV1
from shared.messages.storage import AipStoredV1
from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import StaleLease, lease
from shared.settings import RoomSettings
from tests.builders.callers import SECRET
from tests.builders.catalogues import Catalogue, a_catalogue, a_unit, an_object
from tests.integration.data_management.conftest import Load

pytestmark = pytest.mark.integration

ENTRIES = (tables.aip, tables.unit, tables.unit_child, tables.data_object, tables.unit_object)


def a_small_tree() -> Catalogue:
    units = [a_unit("fonds"), a_unit("acte", parents=["fonds"], objects=["o1", "o2"])]
    return a_catalogue(units, [an_object("o1"), an_object("o2")])


async def rows_of(database: RoomDatabase, catalogue: Catalogue, table: Table) -> list[tuple[object, ...]]:
    async with database.engine.connect() as connection:
        await look_within(connection, [catalogue.message.establishment])
        return [tuple(row) for row in await connection.execute(select(table).order_by(*table.primary_key))]


async def said(database: RoomDatabase, catalogue: Catalogue) -> list[AipCataloguedV1]:
    async with database.engine.connect() as connection:
        bodies = await connection.scalars(
            select(outbox.c.body).where(outbox.c.topic == AipCataloguedV1.topic).order_by(outbox.c.message_id)
        )
        messages = [AipCataloguedV1.model_validate_json(body) for body in bodies]
    return [message for message in messages if message.aip_id == catalogue.message.aip_id]


async def lines_about(database: RoomDatabase, catalogue: Catalogue) -> list[dict[str, object]]:
    async with database.engine.connect() as connection:
        bodies = await connection.scalars(select(outbox.c.body).where(outbox.c.topic == "journal.lines.v1"))
        lines = [line for body in bodies for line in json.loads(body)["lines"]]
    return [line for line in lines if line["object"] == f"aip:{catalogue.message.aip_id}"]


async def test_a_catalogued_aip_is_told_of_and_journaled(database: RoomDatabase, load: Load) -> None:
    catalogue = a_small_tree()

    await load(catalogue)

    (message,) = await said(database, catalogue)
    assert (message.units, message.objects, message.version) == (2, 2, 1)
    assert message.causation_id == catalogue.message.message_id
    (line,) = await lines_about(database, catalogue)
    assert (line["kind"], line["action"]) == ("archives", "aip.catalogued")
    assert line["details"] == {
        "version": 1,
        "units": 2,
        "objects": 2,
        "catalogue_sha512": catalogue.message.catalogue.sha512,
    }


async def test_loading_again_leaves_the_same_state_and_tells_again(database: RoomDatabase, load: Load) -> None:
    catalogue = a_small_tree()
    await load(catalogue)
    before = [await rows_of(database, catalogue, table) for table in ENTRIES]

    await load(catalogue)

    assert [await rows_of(database, catalogue, table) for table in ENTRIES] == before
    assert [len(rows) for rows in before] == [1, 2, 1, 2, 2]
    assert len(await said(database, catalogue)) == 2
    assert len(await lines_about(database, catalogue)) == 1


async def test_a_newer_version_takes_the_place_of_the_former(database: RoomDatabase, load: Load) -> None:
    first = a_small_tree()
    message = first.message
    second = a_catalogue(
        [a_unit("fonds", "Fonds décrit autrement")],
        establishment=message.establishment,
        aip_id=message.aip_id,
        version=2,
    )

    await load(first)
    await load(second)
    await load(first)

    assert [len(await rows_of(database, first, table)) for table in ENTRIES] == [1, 1, 0, 0, 0]
    assert (await rows_of(database, first, tables.unit))[0][10] == "Fonds décrit autrement"


async def test_the_message_delivered_twice_is_one_piece_of_work(database: RoomDatabase) -> None:
    catalogue = a_small_tree()
    consumer = Consumer("data_management.take_aip", database, {AipStoredV1: take_aips})
    message = catalogue.message
    delivery = Delivery(message.message_id, message.topic, message.model_dump_json().encode())
    again = message.model_copy(update={"message_id": uuid4()})

    await consumer.handle([delivery, delivery])
    await consumer.handle([Delivery(again.message_id, again.topic, again.model_dump_json().encode())])

    async with database.begin() as tx:
        asked = select(func.count()).select_from(work).where(work.c.key == f"{message.aip_id}/{message.version}")
        assert await tx.connection.scalar(asked) == 1
        await tx.connection.execute(work.delete())


@pytest.mark.parametrize("damage", ["cut", "altered", "longer"])
async def test_bytes_that_are_not_the_catalogues_leave_nothing(
    database: RoomDatabase, load: Load, damage: str
) -> None:
    whole = a_small_tree()
    content = {
        "cut": whole.content[:-10],
        "altered": whole.content.replace(b"Item", b"Pile", 1),
        "longer": whole.content + b"\n",
    }[damage]

    with pytest.raises(WrongCatalogue):
        await load(replace(whole, content=content))

    assert [await rows_of(database, whole, table) for table in ENTRIES] == [[], [], [], [], []]
    await forget_work(database)


async def test_a_catalogue_that_lacks_entries_it_announces_leaves_nothing(database: RoomDatabase, load: Load) -> None:
    short = a_catalogue([a_unit("u")], counts={"units": 2, "objects": 0, "files": 0, "bytes": 0})

    with pytest.raises(UnreadableCatalogue, match="announced"):
        await load(short)

    assert await rows_of(database, short, tables.unit) == []
    await forget_work(database)


async def test_a_catalogue_that_lacks_lines_of_what_was_purged_leaves_nothing(
    database: RoomDatabase, load: Load
) -> None:
    counts = {"units": 1, "objects": 0, "files": 0, "bytes": 0, "purged_units": 1, "purged_objects": 0}
    short = a_catalogue([a_unit("u")], counts=counts)

    with pytest.raises(UnreadableCatalogue, match="what went"):
        await load(short)

    assert await rows_of(database, short, tables.unit) == []
    await forget_work(database)


async def test_the_catalogue_of_another_aip_is_refused(database: RoomDatabase, load: Load) -> None:
    ours, foreign = a_small_tree(), a_small_tree()
    message = ours.message.model_copy(update={"catalogue": foreign.message.catalogue})

    with pytest.raises(UnreadableCatalogue, match="not of"):
        await load(Catalogue(message, foreign.content))

    assert await rows_of(database, ours, tables.aip) == []
    await forget_work(database)


async def test_a_worker_whose_lease_was_taken_over_records_nothing(database: RoomDatabase) -> None:
    catalogue = a_small_tree()
    async with database.begin() as tx:
        await take_aips(tx, [catalogue.message])
    (slow,) = await lease(database, [CATALOGUE], 1, seconds=0)
    (successor,) = await lease(database, [CATALOGUE], 1)

    with pytest.raises(StaleLease):
        await Cataloguer(database, catalogue.fetch()).catalogue(slow)
    assert await rows_of(database, catalogue, tables.aip) == []

    await Cataloguer(database, catalogue.fetch()).catalogue(successor)
    assert len(await said(database, catalogue)) == 1


async def test_another_version_is_another_piece_of_work(database: RoomDatabase) -> None:
    await forget_work(database)
    message = a_small_tree().message
    async with database.begin() as tx:
        for version in (1, 2, 1):
            await take_aips(tx, [message.model_copy(update={"version": version})])

    held = await lease(database, [CATALOGUE], 10)

    assert sorted(one.payload["version"] for one in held) == [1, 2]
    await forget_work(database)


async def test_a_storage_that_breaks_off_is_a_failure_of_the_world() -> None:
    (port,) = free_ports(1)
    settings = RoomSettings.model_validate(
        {
            "database_url": "postgresql+asyncpg://nobody@127.0.0.1:1/nothing",
            "internal_secret": SECRET,
            "base_url": f"http://127.0.0.1:{port}",
        }
    )
    calls = RoomCalls(settings, "data_management")

    with pytest.raises(RoomUnavailable, match="storage: ConnectError"):
        async with fetch_catalogue(calls, a_small_tree().message):
            pass
    await calls.close()


async def catalogue_at_once(database: RoomDatabase, *catalogues: Catalogue) -> list[BaseException | None]:
    """Have several catalogued at one moment by one worker."""
    await forget_work(database)
    async with database.begin() as tx:
        await take_aips(tx, [catalogue.message for catalogue in catalogues])
    by_id = {f"{one.message.aip_id}/{one.message.version}": one for one in catalogues}

    @asynccontextmanager
    async def fetch(message: AipStoredV1) -> AsyncIterator[AsyncIterator[bytes]]:
        async with by_id[f"{message.aip_id}/{message.version}"].fetch()(message) as chunks:
            yield chunks

    worker = Cataloguer(database, fetch)
    held = await lease(database, [CATALOGUE], 100)
    done = await asyncio.gather(*(worker.catalogue(one) for one in held), return_exceptions=True)
    outcomes = {one.key: result for one, result in zip(held, done, strict=True)}
    return [outcomes[key] for key in by_id]


async def test_several_catalogues_at_once_each_stand_or_fall_alone(database: RoomDatabase) -> None:
    good, other, broken = a_small_tree(), a_small_tree(), a_small_tree()
    broken = replace(broken, content=broken.content.replace(b"Item", b"Pile", 1))

    outcomes = await catalogue_at_once(database, good, broken, other)

    assert [type(outcome) for outcome in outcomes] == [type(None), WrongCatalogue, type(None)]
    for one in (good, other):
        assert [len(await rows_of(database, one, table)) for table in ENTRIES] == [1, 2, 1, 2, 2]
        assert len(await said(database, one)) == 1
    assert await rows_of(database, broken, tables.unit) == []
    await forget_work(database)


async def test_two_versions_of_one_aip_at_once_leave_one_whole(database: RoomDatabase) -> None:
    first = a_small_tree()
    message = first.message
    second = a_catalogue(
        [a_unit("fonds", "Fonds décrit autrement")],
        establishment=message.establishment,
        aip_id=message.aip_id,
        version=2,
    )

    await catalogue_at_once(database, first, second)

    assert [len(await rows_of(database, first, table)) for table in ENTRIES] == [1, 1, 0, 0, 0]
    await forget_work(database)


async def forget_work(database: RoomDatabase) -> None:
    async with database.begin() as tx:
        await tx.connection.execute(work.delete())
