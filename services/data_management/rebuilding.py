"""The catalogue comes back from the AIPs themselves, by the code that loads it as they are stored."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from services.data_management import tables
from services.data_management.domain.catalogue import CataloguedAip, UnreadableCatalogue, read_line
from services.data_management.queries import loading
from services.data_management.queries.scope import look_within
from services.data_management.reading import BATCH_BYTES
from services.data_management.worker import Whole, load_stream, load_wholes, read_whole
from shared.faults import fault_point
from shared.messages.storage import AipStoredV1
from shared.messaging.transaction import RoomDatabase

__all__ = ["BATCH_BYTES", "Whole", "heads", "load", "named_in", "read_whole", "standing", "stream"]


def named_in(beginning: bytes) -> CataloguedAip:
    """Return whose AIP the first line of a catalogue says it is. Raises `UnreadableCatalogue`."""
    first = read_line(beginning.partition(b"\n")[0])
    if not isinstance(first, CataloguedAip):
        raise UnreadableCatalogue("the first line is not the AIP's")
    return first


async def standing(database: RoomDatabase, aip_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return the versions that stand in the catalogue of AIPs; those that are not there are left out."""
    async with database.begin() as tx:
        await look_within(tx.connection, None)
        found = await loading.standing_aips(tx.connection, aip_ids)
    return {aip_id: one.version for aip_id, one in found.items()}


async def load(database: RoomDatabase, wholes: Sequence[Whole]) -> int:
    """Load catalogues that were read whole, where no newer version stands; return how many units that adds.

    Nobody is told: whoever hears of catalogued AIPs has heard of these.
    """
    if not wholes:
        return 0
    async with database.begin() as tx:
        due, _ = await load_wholes(tx, wholes)
    fault_point("rebuild.catalogue.loaded")
    return sum(whole.found.units for whole in due)


async def stream(database: RoomDatabase, message: AipStoredV1, chunks: AsyncIterator[bytes]) -> int:
    """Load a large catalogue as it comes; return how many units that adds."""
    async with database.begin() as tx:
        found, is_new = await load_stream(tx, message, chunks)
    fault_point("rebuild.catalogue.streamed")
    return found.units if is_new else 0


async def heads(database: RoomDatabase, aip_ids: Collection[UUID]) -> dict[UUID, Mapping[str, Any]]:
    """Return the first lines of the catalogues of AIPs: what each says of its transfer."""
    query = select(tables.aip.c.aip_id, tables.aip.c.head).where(tables.aip.c.aip_id.in_(aip_ids))
    async with database.begin() as tx:
        await look_within(tx.connection, None)
        return {row.aip_id: row.head for row in await tx.connection.execute(query)}
