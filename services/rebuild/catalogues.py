"""What is in AIPs whose heads were read goes into the catalogue again."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.data_management import rebuilding as catalogue
from services.data_management.domain.catalogue import UnreadableCatalogue
from services.data_management.reading import WrongCatalogue
from services.rebuild import copies
from services.rebuild.ahead import ahead
from services.rebuild.house import House
from services.rebuild.ranges import Ranges
from services.rebuild.refusals import NOT_TAKEN, as_far_as_taken, said_of
from services.storage.domain.key_names import NamedAip
from services.storage.domain.keys import aip_key
from services.storage.domain.rebuilt import KnownCopy
from services.storage.pipeline.package_head import Head, UnreadablePackage
from shared.checksums import MIB
from shared.messages.storage import AipStoredV1, ReceiptV1
from shared.object_store.errors import NoSuchObject, NoSuchRange

READ_AHEAD = 4
"""Small catalogues that are read while others wait to be loaded."""

LOADED_BYTES = 2 * MIB
"""Bytes of small catalogues loaded in one transaction; parsed they take several times as much memory."""

NOT_AN_AIP = (NoSuchObject, NoSuchRange, UnreadablePackage, WrongCatalogue, UnreadableCatalogue)
"""What reading an AIP ends with that is none of ours."""


@dataclass(frozen=True, slots=True)
class Package:
    """An AIP whose head was read; its transfer is told by its catalogue."""

    known: copies.Known
    named: NamedAip
    ranges: Ranges
    head: Head
    transfer_id: UUID

    @property
    def message(self) -> AipStoredV1:
        """Return what storage told when it was stored, as far as the write log still tells it."""
        return AipStoredV1(
            aip_id=self.named.id,
            transfer_id=self.transfer_id,
            establishment=self.named.establishment,
            version=self.named.version,
            sha512=self.known.sha512,
            size=self.known.size,
            receipts=tuple(map(self._receipt, self.known.copies)),
            catalogue=self.head.catalogue,
        )

    def _receipt(self, copy: KnownCopy) -> ReceiptV1:
        return ReceiptV1(
            site=copy.site,
            # Where the site was then, no line tells.
            place="",
            key=self.known.key,
            version_id=copy.version_id,
            sha512=self.known.sha512,
            verified_at=self.known.stored_at,
        )


async def load_catalogues(house: House, packages: Sequence[Package]) -> None:
    """Load the newest version of each AIP into the catalogue: small ones together, a large one as it comes."""
    newest: dict[UUID, Package] = {}
    for one in packages:
        if one.named.id not in newest or newest[one.named.id].named.version < one.named.version:
            newest[one.named.id] = one
    small = [one for one in newest.values() if one.head.catalogue.length <= catalogue.BATCH_BYTES]
    wholes: list[catalogue.Whole] = []
    gathered = 0
    async with aclosing(ahead(small, partial(_read_small, house), READ_AHEAD)) as read:
        async for package, whole in read:
            if gathered >= LOADED_BYTES:
                await _load_wholes(house, wholes)
                wholes, gathered = [], 0
            if whole is not None:
                wholes.append(whole)
                gathered += package.head.catalogue.length
    await _load_wholes(house, wholes)
    for package in newest.values():
        if package.head.catalogue.length > catalogue.BATCH_BYTES:
            await _load_large(house, package)


async def _load_wholes(house: House, wholes: Sequence[catalogue.Whole]) -> None:
    if house.dry:
        return
    load = partial(catalogue.load, house.rooms["data_management"])
    units = await as_far_as_taken(load, wholes, lambda one, said: _refused(house, one.message, said))
    house.report.came("units", sum(units))


def _refused(house: House, message: AipStoredV1, said: str) -> None:
    key = aip_key(message.establishment, message.aip_id, message.version)
    house.report.fault("catalogue_unreadable", key, said)


async def _read_small(house: House, package: Package) -> catalogue.Whole | None:
    try:
        return await catalogue.read_whole(package.message, _chunks(package))
    except NOT_AN_AIP as error:
        _refused(house, package.message, str(error))
        return None


async def _load_large(house: House, package: Package) -> None:
    if house.dry:
        return
    database = house.rooms["data_management"]
    try:
        house.report.came("units", await catalogue.stream(database, package.message, _chunks(package)))
    except (*NOT_AN_AIP, *NOT_TAKEN) as error:
        _refused(house, package.message, str(error) if isinstance(error, NOT_AN_AIP) else said_of(error))


def _chunks(package: Package) -> AsyncIterator[bytes]:
    return package.ranges.chunks(package.head.catalogue.offset, package.head.catalogue.length)
