"""Read the bytes of a catalogue as they come: whole lines, in batches, verified to be those announced."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from services.data_management.domain.catalogue import (
    CataloguedAip,
    CataloguedObject,
    CataloguedUnit,
    PurgedEntry,
    UnreadableCatalogue,
    read_line,
)
from services.data_management.domain.units import PlacedUnit, StandingAip, Tree
from shared.messages.storage import AipStoredV1
from shared.messaging.outcome import TryAgain

BATCH_BYTES = 512 * 1024
"""Lines gathered before they are written; more would only fill memory."""

LONGEST_LINE = 64 * 1024 * 1024


class WrongCatalogue(TryAgain):
    """The bytes storage gave are not those of the catalogue; another copy, later, may be."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some entries of one catalogue; the first of its objects stands at position `first_object` in the AIP."""

    aip: CataloguedAip
    units: tuple[PlacedUnit, ...]
    first_object: int
    objects: tuple[CataloguedObject, ...]


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


class CatalogueReader:
    """Turns the lines of one catalogue into parts, in their order, and makes sure that it is whole."""

    def __init__(self, message: AipStoredV1) -> None:
        self._message = message
        self._aip: CataloguedAip | None = None
        self._tree = Tree()
        self._objects = 0
        self._purged = 0

    def read(self, lines: Sequence[bytes]) -> Part | None:
        """Return what the next lines describe; None for no lines. Raises `UnreadableCatalogue`."""
        entries = [read_line(line) for line in lines]
        if self._aip is None and entries:
            self._aip = self._first(entries.pop(0))
        if self._aip is None:
            return None
        units: list[PlacedUnit] = []
        objects: list[CataloguedObject] = []
        for entry in entries:
            if isinstance(entry, CataloguedUnit):
                units.append(self._tree.place(entry))
            elif isinstance(entry, CataloguedObject):
                objects.append(entry)
            elif isinstance(entry, PurgedEntry):
                self._purged += 1
            else:
                raise UnreadableCatalogue("a second AIP in one catalogue")
        part = Part(self._aip, tuple(units), self._objects, tuple(objects))
        self._objects += len(objects)
        return part

    def _first(self, entry: object) -> CataloguedAip:
        message = self._message
        ours = (message.aip_id, message.establishment, message.transfer_id)
        if not isinstance(entry, CataloguedAip):
            raise UnreadableCatalogue("the first line is not the AIP's")
        if (entry.aip_id, entry.establishment, entry.transfer_id) != ours:
            raise UnreadableCatalogue(f"the catalogue is that of {entry.aip_id}, not of {message.aip_id}")
        return entry

    def end(self) -> StandingAip:
        """Return how much was read. Raises `UnreadableCatalogue` if entries announced have not come."""
        if self._aip is None:
            raise UnreadableCatalogue("an empty catalogue")
        announced = (self._aip.units, self._aip.objects, self._aip.purged)
        found = (self._tree.size, self._objects, self._purged)
        if announced != found:
            raise UnreadableCatalogue(f"units, objects and lines of what went: {announced} announced, {found} found")
        return StandingAip(self._message.version, self._tree.size, self._objects)
