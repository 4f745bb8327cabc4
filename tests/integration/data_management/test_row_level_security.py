"""The second lock: whatever a query forgets to filter, a transaction sees its establishments only."""

from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError

from services.data_management import tables
from services.data_management.domain.search import Search
from services.data_management.queries import reading
from services.data_management.queries.scope import look_within
from shared.messaging.transaction import RoomDatabase
from tests.builders.catalogues import Catalogue, a_catalogue, a_unit, an_object
from tests.integration.data_management.conftest import Load

pytestmark = pytest.mark.integration

SCOPED = (tables.aip, tables.unit, tables.unit_child, tables.data_object, tables.unit_object)


@pytest.fixture
async def two_towns(load: Load) -> tuple[Catalogue, Catalogue]:
    def a_town() -> Catalogue:
        units = [a_unit("r", "Registre"), a_unit("u", "Registre", parents=["r"], objects=["o"])]
        return a_catalogue(units, [an_object("o")])

    first, second = a_town(), a_town()
    await load(first)
    await load(second)
    return first, second


async def test_without_any_filter_of_ours_foreign_rows_stay_hidden(
    database: RoomDatabase, two_towns: tuple[Catalogue, Catalogue]
) -> None:
    ours = two_towns[0].message.establishment

    async with database.engine.connect() as connection:
        await look_within(connection, [ours])
        for table in SCOPED:
            seen = set(await connection.scalars(select(table.c.establishment)))
            assert seen == {ours}, table.name


@pytest.mark.usefixtures("two_towns")
async def test_a_transaction_that_names_no_scope_sees_nothing(database: RoomDatabase) -> None:
    async with database.engine.connect() as connection:
        await look_within(connection, None)
        assert await connection.scalar(select(func.count()).select_from(tables.unit)) != 0
        await connection.rollback()

        for table in SCOPED:
            assert await connection.scalar(select(func.count()).select_from(table)) == 0
        assert (await reading.search(connection, Search(words="registre"), None, 10)).total == 0


async def test_a_search_that_forgets_the_scope_is_held_to_it(
    database: RoomDatabase, two_towns: tuple[Catalogue, Catalogue]
) -> None:
    ours, foreign = (town.message.establishment for town in two_towns)

    async with database.engine.connect() as connection:
        await look_within(connection, [ours])
        for wanted in (Search(), Search(words="registre"), Search(aip=two_towns[1].message.aip_id)):
            page = await reading.search(connection, wanted, None, 10)
            assert {row.establishment for row in page.units} <= {ours}
        asked = Search(establishments=(foreign,), words="registre")
        assert (await reading.search(connection, asked, None, 10)).total == 0


async def test_a_row_of_another_establishment_cannot_be_written(database: RoomDatabase) -> None:
    row = {"parent_id": uuid4(), "position": 0, "establishment": uuid4(), "unit_id": uuid4()}

    async with database.engine.connect() as connection:
        await look_within(connection, [uuid4()])
        with pytest.raises(DBAPIError, match="row-level security"):
            await connection.execute(insert(tables.unit_child).values(row))


async def test_the_room_cannot_lift_the_lock(database: RoomDatabase) -> None:
    async with database.engine.connect() as connection:
        for statement in (
            "ALTER TABLE unit DISABLE ROW LEVEL SECURITY",
            "DROP POLICY within_scope ON unit",
            "SET ROLE chartrier_owner",
        ):
            with pytest.raises(DBAPIError):
                await connection.execute(text(statement))
            await connection.rollback()
