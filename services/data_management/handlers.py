"""What data management does when an AIP is stored: note it, then load its catalogue in one transaction."""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from sqlalchemy.ext.asyncio import AsyncConnection

from services.data_management.domain.catalogue import (
    CataloguedAip,
    CataloguedObject,
    CataloguedUnit,
    Entry,
    UnreadableCatalogue,
    read_line,
)
from services.data_management.domain.units import PlacedUnit, StandingAip, Tree
from services.data_management.queries import loading
from services.data_management.queries.scope import look_within
from shared.messages.data_management import AipCataloguedV1
from shared.messages.journal import JournalLineV1
from shared.messages.storage import AipStoredV1
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import Lease, enqueue, finish

CATALOGUE = "catalogue"
BATCH_BYTES = 512 * 1024
"""Lines gathered before they are written; more would only fill memory."""

LONGEST_LINE = 64 * 1024 * 1024

Fetch = Callable[[AipStoredV1], AbstractAsyncContextManager[AsyncIterator[bytes]]]
"""Opens the bytes of an AIP's ``catalogue.ndjson`` as storage holds them."""


class WrongCatalogue(TryAgain):
    """The bytes storage gave are not those of the catalogue; another copy, later, may be."""


class CataloguedMeanwhile(TryAgain):
    """Another worker has just catalogued this AIP; the next attempt will find it."""


async def take_aip(tx: Transaction, message: AipStoredV1) -> None:
    """Ask for the AIP to be catalogued; the same version asked twice is one piece of work."""
    await enqueue(tx, CATALOGUE, f"{message.aip_id}/{message.version}", message.model_dump(mode="json"))


async def catalogue_aip(database: RoomDatabase, fetch: Fetch, held: Lease) -> None:
    """Load the catalogue of a stored AIP and say so; loaded before, only say so again."""
    message = AipStoredV1.model_validate(held.payload)
    async with database.begin() as tx:
        await look_within(tx.connection, [message.establishment])
        standing = await loading.standing_aip(tx.connection, message.aip_id)
        if standing is None or standing.version < message.version:
            if standing is not None:
                await loading.remove_aip(tx.connection, message.aip_id)
            async with fetch(message) as chunks:
                standing = await _load(tx, message, chunks)
        tx.post(
            AipCataloguedV1(
                aip_id=message.aip_id,
                transfer_id=message.transfer_id,
                establishment=message.establishment,
                version=standing.version,
                units=standing.units,
                objects=standing.objects,
            )
        )
        await finish(tx, held)


async def _load(tx: Transaction, message: AipStoredV1, chunks: AsyncIterator[bytes]) -> StandingAip:
    loader = Loader(tx.connection, message)
    async for lines in batches(chunks, message):
        await loader.take([read_line(line) for line in lines])
    standing = loader.end()
    tx.journal(_line(message, standing))
    return standing


def _line(message: AipStoredV1, standing: StandingAip) -> JournalLineV1:
    return JournalLineV1(
        kind="archives",
        action="aip.catalogued",
        actor="room:data_management",
        object=f"aip:{message.aip_id}",
        establishment=message.establishment,
        transfer_id=message.transfer_id,
        details={
            "version": message.version,
            "units": standing.units,
            "objects": standing.objects,
            "catalogue_sha512": message.catalogue.sha512,
        },
    )


async def batches(chunks: AsyncIterator[bytes], message: AipStoredV1) -> AsyncIterator[list[bytes]]:
    """Cut a stream into batches of whole lines. Raises `WrongCatalogue` at the end if it is another file."""
    digest = hashlib.sha512()
    size = 0
    rest = b""
    lines: list[bytes] = []
    gathered = 0
    async for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise WrongCatalogue(f"aip {message.aip_id}: a line of more than {LONGEST_LINE} bytes")
        lines += whole
        gathered += len(chunk)
        if gathered >= BATCH_BYTES:
            yield lines
            lines, gathered = [], 0
    if (size, digest.hexdigest()) != (message.catalogue.length, message.catalogue.sha512) or rest:
        raise WrongCatalogue(f"aip {message.aip_id}: the bytes read are not those of its catalogue")
    yield lines


class Loader:
    """Writes the entries of one catalogue as they come; nothing counts before its transaction commits."""

    def __init__(self, connection: AsyncConnection, message: AipStoredV1) -> None:
        self._connection = connection
        self._message = message
        self._aip: CataloguedAip | None = None
        self._tree = Tree()
        self._objects = 0

    async def take(self, entries: Sequence[Entry]) -> None:
        """Write the next entries, in their order. Raises `UnreadableCatalogue` where it is broken."""
        if self._aip is None and entries:
            self._aip = await self._begin(entries[0])
            entries = entries[1:]
        if self._aip is None:
            return
        units: list[PlacedUnit] = []
        objects: list[CataloguedObject] = []
        for entry in entries:
            if isinstance(entry, CataloguedUnit):
                units.append(self._tree.place(entry))
            elif isinstance(entry, CataloguedObject):
                objects.append(entry)
            else:
                raise UnreadableCatalogue("a second AIP in one catalogue")
        await loading.add_units(self._connection, self._aip, units)
        await loading.add_objects(self._connection, self._aip, self._objects, objects)
        self._objects += len(objects)

    async def _begin(self, first: Entry) -> CataloguedAip:
        message = self._message
        ours = (message.aip_id, message.establishment, message.transfer_id)
        if not isinstance(first, CataloguedAip):
            raise UnreadableCatalogue("the first line is not the AIP's")
        if (first.aip_id, first.establishment, first.transfer_id) != ours:
            raise UnreadableCatalogue(f"the catalogue is that of {first.aip_id}, not of {message.aip_id}")
        if not await loading.add_aip(self._connection, first, message.version, message.catalogue.sha512):
            raise CataloguedMeanwhile(f"aip {message.aip_id}")
        return first

    def end(self) -> StandingAip:
        """Return what now stands. Raises `UnreadableCatalogue` if entries announced have not come."""
        if self._aip is None:
            raise UnreadableCatalogue("an empty catalogue")
        announced = (self._aip.units, self._aip.objects)
        found = (self._tree.size, self._objects)
        if announced != found:
            raise UnreadableCatalogue(f"units and objects: {announced} announced, {found} found")
        return StandingAip(self._message.version, *found)
