"""Reading a catalogue holds one batch of it, and of the units before only how deep each stands."""

import tracemalloc

from services.data_management.reading import BATCH_BYTES, CatalogueReader, batches
from tests.builders.catalogues import Catalogue, a_catalogue, a_unit

FEW, MANY = 2_000, 4_000
"""Both are several batches: of one that is not full the memory goes by the units."""

A_UNIT = 256
"""Bytes. Measured: 60; a line of this catalogue has 700."""


async def peak_of(catalogue: Catalogue) -> int:
    """Read it to its end, and return the most memory that this took, in bytes, its own bytes not counted."""
    reader, read = CatalogueReader(catalogue.message), 0
    tracemalloc.start()
    async with catalogue.fetch(64 * 1024)(catalogue.message) as chunks:
        async for lines in batches(chunks, catalogue.message):
            part = reader.read(lines)
            read += len(part.units) if part else 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read == reader.end().units
    return peak


def a_catalogue_of(units: int) -> Catalogue:
    description = "Délibération du conseil municipal. " * 10
    below = [a_unit(f"u{n}", parents=["fonds"], description=description) for n in range(units)]
    return a_catalogue([a_unit("fonds"), *below])


async def test_the_memory_of_reading_goes_by_the_batch_and_hardly_by_the_units() -> None:
    few, many = a_catalogue_of(FEW), a_catalogue_of(MANY)
    assert len(few.content) > 2 * BATCH_BYTES

    assert await peak_of(many) - await peak_of(few) < (MANY - FEW) * A_UNIT
