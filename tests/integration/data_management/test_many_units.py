"""What a catalogue costs the database and storage goes by its bytes, never by its units."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest

from services.data_management.handlers import CATALOGUE, take_aips
from services.data_management.reading import BATCH_BYTES
from services.data_management.worker import Cataloguer
from shared.messages.storage import AipStoredV1
from shared.messaging.lease import Lane
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import lease
from tests.builders.catalogues import Catalogue, a_catalogue, a_unit, an_object
from tests.integration.statements import statements

pytestmark = pytest.mark.integration


def a_catalogue_of(units: int, description: str = "") -> Catalogue:
    """Describe so many units below one, every fourth with an object."""
    below = [
        a_unit(f"u{n}", parents=["fonds"], description=description, objects=[] if n % 4 else [f"o{n}"])
        for n in range(units)
    ]
    return a_catalogue([a_unit("fonds"), *below], [an_object(f"o{n}") for n in range(0, units, 4)])


async def asked_by(database: RoomDatabase, catalogue: Catalogue) -> tuple[list[str], int]:
    """Catalogue it; return the statements, and how many times storage was asked for bytes."""
    fetched = 0

    def fetch(message: AipStoredV1) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        nonlocal fetched
        fetched += 1
        return catalogue.fetch(64 * 1024)(message)

    async with database.begin() as tx:
        await take_aips(tx, [catalogue.message])
    (held,) = [*await lease(database, [CATALOGUE], 1), *await lease(database, [CATALOGUE], 1, lane=Lane.LARGE)]
    with statements(database.engine) as asked:
        await Cataloguer(database, fetch).catalogue(held)
    return asked, fetched


async def test_many_units_are_loaded_by_as_many_statements_as_few(database: RoomDatabase) -> None:
    few, many = a_catalogue_of(20), a_catalogue_of(400)
    assert len(many.content) < BATCH_BYTES

    # The first of a database begins its journal.
    await asked_by(database, a_catalogue_of(1))
    assert await asked_by(database, many) == await asked_by(database, few)


async def test_a_large_catalogue_takes_a_statement_for_so_many_bytes_and_one_reading(database: RoomDatabase) -> None:
    await asked_by(database, a_catalogue_of(1))
    of_one, _ = await asked_by(database, a_catalogue_of(1))
    large = a_catalogue_of(2000, description="Délibération du conseil municipal. " * 20)

    asked, fetched = await asked_by(database, large)

    batches = -(-len(large.content) // BATCH_BYTES)
    assert batches > 3
    assert len(asked) <= len(of_one) + batches
    assert fetched == 1
