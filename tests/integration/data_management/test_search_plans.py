"""Full text goes through its index, however many establishments the caller may see (design: the trap of RLS)."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import make_url

from services.data_management.domain.search import Search
from services.data_management.queries import reading
from services.data_management.queries.scope import look_within
from shared.messaging.transaction import RoomDatabase
from tests.servers import Databases

pytestmark = pytest.mark.integration

ROWS = 55_000
TOWNS = 1_100

# Deposits of ten units; in every tenth title "budget", in every 2,200th, of town 7, "cadastre".
FILL = """
    INSERT INTO data_management.unit (id, establishment, aip_id, transfer_id, position, depth, xml_id, level, title,
        parents, identifiers, terms, rules, content)
    SELECT gen_random_uuid(), lpad(to_hex(n % $2), 32, '0')::uuid, lpad(to_hex(n / 10), 32, '0')::uuid,
        gen_random_uuid(), n % 10, 0, 'u', 'Item',
        'Mandat ' || n || CASE WHEN n % 10 = 0 THEN ' budget' ELSE '' END
                       || CASE WHEN n % 2200 = 7 THEN ' cadastre' ELSE '' END,
        '{}', '{}', '{}', '[]', '{}'
    FROM generate_series(1, $1::integer) AS n
"""


SEARCH = """
    SELECT * FROM data_management.search_units(
        NULL, $1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 51)
"""


def town(number: int) -> UUID:
    return UUID(int=number)


SCOPES: dict[str, list[UUID] | None] = {
    "one": [town(7)],
    "fifty": [town(number) for number in range(50)],
    "most": [town(number) for number in range(1000)],
    "all": None,
}


@pytest.fixture(scope="module")
async def many_units(databases: Databases) -> None:
    await databases.as_superuser(FILL, ROWS, TOWNS)
    await databases.as_superuser("VACUUM ANALYZE data_management.unit")


async def plans_of(databases: Databases, scope: list[UUID] | None, words: str) -> list[str]:
    """Return the plans of the statements inside the search function, as its owner runs them."""
    url = make_url(databases.superuser_url).set(drivername="postgresql")
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    told: list[str] = []

    def listen(_: object, message: Any) -> None:  # noqa: ANN401 (asyncpg's own)
        told.append(str(message))

    connection.add_log_listener(listen)
    try:
        await connection.execute("LOAD 'auto_explain'")
        await connection.execute(
            "SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;"
            "SET client_min_messages = log"
        )
        setting = "*" if scope is None else "{" + ",".join(map(str, scope)) + "}"
        async with connection.transaction():
            await connection.execute("SELECT set_config('chartrier.scope', $1, true)", setting)
            await connection.fetch(SEARCH, words)
    finally:
        await connection.close()
    return [plan for plan in told if "FROM unit u" in plan]


@pytest.mark.usefixtures("many_units")
@pytest.mark.parametrize("scope", SCOPES)
async def test_the_index_of_words_is_used_for_every_scope(databases: Databases, scope: str) -> None:
    plans = await plans_of(databases, SCOPES[scope], "cadastre")

    assert len(plans) == 2  # the total and the page
    for plan in plans:
        assert "Bitmap Index Scan on ix_unit_tsv" in plan, plan


@pytest.mark.usefixtures("many_units")
@pytest.mark.parametrize("scope", SCOPES)
async def test_totals_are_exact_within_every_scope(database: RoomDatabase, scope: str) -> None:
    async with database.engine.connect() as connection:
        await look_within(connection, SCOPES[scope])
        page = await reading.search(connection, Search(words="cadastre"), None, 10)

    assert page.total == 25


@pytest.mark.usefixtures("many_units")
async def test_a_total_stops_at_ten_thousand_and_one(database: RoomDatabase) -> None:
    async with database.engine.connect() as connection:
        await look_within(connection, None)
        page = await reading.search(connection, Search(words="mandats"), None, 10)

    assert page.total == 10_001
    assert [row.title for row in page.units[:2]] == ["Mandat 55000 budget", "Mandat 54990 budget"]
