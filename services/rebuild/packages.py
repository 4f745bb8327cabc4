"""Last the AIPs: storage keeps where each is, the catalogue what is in it, ingest that its transfer was accepted.

Many at a time, and several times many: while one batch is read from the site, others are written to the databases.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.data_management import rebuilding as catalogue
from services.data_management.domain.catalogue import UnreadableCatalogue
from services.data_management.reading import WrongCatalogue
from services.rebuild import copies, gone
from services.rebuild.ahead import ahead
from services.rebuild.deposits import keep_deposits
from services.rebuild.endings import is_told_stored
from services.rebuild.facts import CATALOGUED
from services.rebuild.house import House
from services.rebuild.proofs import take_groups
from services.rebuild.ranges import Ranges
from services.rebuild.refusals import NOT_TAKEN, as_far_as_taken, said_of
from services.rebuild.shelves import owners, shelf
from services.rebuild.vouching import WITHOUT_LINE
from services.storage import rebuilding as storage
from services.storage.domain.key_names import PLATFORM, NamedAip, named_by
from services.storage.domain.keys import aip_key
from services.storage.domain.rebuilt import KnownCopy, Rebuilt
from services.storage.pipeline.package_head import Head, UnreadablePackage
from services.storage.queries.rebuilding import Standing
from shared.checksums import MIB, sha512_of
from shared.messages.storage import AipStoredV1, ReceiptV1
from shared.object_store.errors import NoSuchObject, NoSuchRange
from shared.object_store.keeping import Version

AIPS = 200
"""AIPs in one batch."""

BATCHES = 3
"""Batches under way at one time."""

READ_AT_ONCE = 16
"""AIPs of a batch whose heads are read at one time."""

READ_AHEAD = 4
"""Small catalogues that are read while others wait to be loaded."""

LOADED_BYTES = 2 * MIB
"""Bytes of small catalogues loaded in one transaction; parsed they take several times as much memory."""

_NOT_AN_AIP = (NoSuchObject, NoSuchRange, UnreadablePackage, WrongCatalogue, UnreadableCatalogue)

Listed = tuple[Version, NamedAip]


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


async def rebuild_packages(house: House) -> None:
    """Bring back what all AIPs of the site are and hold."""
    async for owner in owners(house.store):
        if owner == PLATFORM:
            continue
        under_way: set[asyncio.Task[None]] = set()
        try:
            async for some in _batches(house, f"{owner}/aips/"):
                if len(under_way) >= BATCHES:
                    done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                    for one in done:
                        one.result()
                under_way.add(asyncio.create_task(_rebuild(house, some)))
            await asyncio.gather(*under_way)
        finally:
            for one in under_way:
                one.cancel()


async def _batches(house: House, prefix: str) -> AsyncIterator[list[Listed]]:
    """Yield batches of AIPs, the versions of each together."""
    some: list[Listed] = []
    async for version, named in shelf(house.store, prefix):
        if not isinstance(named, NamedAip):
            house.report.fault("foreign_object", version.key, "no AIP is called so")
            continue
        house.scratch.see([version.key])
        if len(some) >= AIPS and some[-1][1].id != named.id:
            yield some
            some = []
        some.append((version, named))
    async for version in copies.hidden(house, prefix):
        if isinstance(named := named_by(version.key), NamedAip):
            some.append((version, named))
    if some:
        yield some


async def _rebuild(house: House, listed: Sequence[Listed]) -> None:
    told = copies.told_of(house, [version.key for version, _ in listed])
    standing = await storage.known(house.rooms["storage"], [version.key for version, _ in listed])
    catalogued = await catalogue.standing(house.rooms["data_management"], [named.id for _, named in listed])
    logged = {named.id: named.version for version, named in listed if copies.is_logged(told[version.key])}
    wanted, back = [], []
    aips = gone.said_of_aips(house, {named.id for _, named in listed})
    for version, named in listed:
        there, lines = standing.get(version.key), told[version.key]
        if gone.is_purged(house, version.key, lines, aips[named.id]) or _is_under_way(there, lines):
            continue
        if there is None and not lines and named.version > logged.get(named.id, named.version):
            text = "no line tells of it, and one tells of a version before it, which stays: left out"
            house.report.fault(WITHOUT_LINE, version.key, text)
            continue
        # One that is being stored and whose end the log tells is there in part only.
        if there is None or there.state == "storing" or catalogued.get(named.id, 0) < named.version:
            wanted.append((version, named))
        else:
            house.report.came("AIPs")
            back.append(named.id)
    packages = await _read_all(house, wanted, told, aips)
    ours = [one for one in packages if _has_ended(house, one, standing.get(one.known.key), told)]
    others = await copies.keep(house, [_holding(one) for one in ours])
    ours = [one for one in ours if one.known.key not in others]
    house.report.came("AIPs", len(ours))
    await take_groups(house, [one.message for one in ours])
    await _load(house, ours)
    await keep_deposits(house, [*back, *(one.named.id for one in ours)])


def _is_under_way(standing: Standing | None, told: gone.Told) -> bool:
    """Say whether a room is storing this AIP right now: it is not the rebuild's."""
    return standing is not None and standing.state == "storing" and not told


def _has_ended(house: House, one: Package, there: Standing | None, told: Mapping[str, gone.Told]) -> bool:
    """Say whether a package is the rebuild's: one that a room still has to write to a site is not.

    In an empty database it is: who would write it is gone.
    """
    key = one.known.key
    if there is not None and there.state != "storing":
        return True
    if not told[key] or is_told_stored(house, one.named, one.transfer_id, told[key]):
        return True
    if there is None:
        house.report.fault("not_stored", key, "no line tells that every site had it")
    return there is None


async def _read_all(
    house: House, wanted: Sequence[Listed], told: Mapping[str, gone.Told], aips: Mapping[UUID, gone.Told]
) -> list[Package]:
    few = asyncio.Semaphore(READ_AT_ONCE)

    async def read(version: Version, named: NamedAip) -> Package | None:
        async with few:
            try:
                package = await _read(house, version, named, told[version.key])
                if package is not None:
                    _require_ours(package, aips[named.id])
            except _NOT_AN_AIP as error:
                house.report.fault("aip_unreadable", version.key, str(error))
                return None
            return package

    found = await asyncio.gather(*(read(*one) for one in wanted))
    return [one for one in found if one is not None]


async def _read(house: House, version: Version, named: NamedAip, told: gone.Told) -> Package | None:
    known = await copies.known(house, version, told)
    if known is None:
        return None
    # Of a recorded version the size is known; what was listed may be a stranger's on top of it.
    size = version.size if known.version_id is None else known.size
    ranges = Ranges(house.store, version.key, known.version_id, size)
    head = await ranges.head(str(named.id))
    return Package(known, named, ranges, head, await _transfer(named, ranges, head))


def _require_ours(package: Package, of_aip: gone.Told) -> None:
    """Raise `UnreadablePackage` for an AIP of which the journals tell other digests than these bytes have."""
    ranges, head = package.ranges, package.head
    if ranges.whole is not None and sha512_of(ranges.whole) != package.known.sha512:
        raise UnreadablePackage("its digest is not the one in the write log")
    said = of_aip.get(f"{CATALOGUED} {package.named.version}")
    if said is not None and said["details"]["catalogue_sha512"] != head.catalogue.sha512:
        raise UnreadablePackage("its catalogue is not the one that the journal tells of")


async def _transfer(named: NamedAip, ranges: Ranges, head: Head) -> UUID:
    """Return the transfer of an AIP, as the first line of its catalogue names it."""
    beginning = await ranges.read(head.catalogue.offset, min(head.catalogue.length, FIRST_LINE))
    first = catalogue.named_in(beginning)
    if (first.aip_id, first.establishment) != (named.id, named.establishment):
        raise UnreadableCatalogue(f"its catalogue is that of {first.aip_id}, of {first.establishment}")
    return first.transfer_id


FIRST_LINE = 64 * 1024
"""Bytes that the first line of a catalogue, the AIP's, never fills."""


def _holding(package: Package) -> Rebuilt:
    known, named = package.known, package.named
    return Rebuilt(
        id=named.id,
        version=named.version,
        kind="aip",
        establishment=named.establishment,
        key=known.key,
        sha512=known.sha512,
        size=known.size,
        facts=storage.aip_facts(named.id, package.transfer_id, package.head.catalogue),
        stored_at=known.stored_at,
        copies=known.copies,
    )


async def _load(house: House, packages: Sequence[Package]) -> None:
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
    except _NOT_AN_AIP as error:
        _refused(house, package.message, str(error))
        return None


async def _load_large(house: House, package: Package) -> None:
    if house.dry:
        return
    database = house.rooms["data_management"]
    try:
        house.report.came("units", await catalogue.stream(database, package.message, _chunks(package)))
    except (*_NOT_AN_AIP, *NOT_TAKEN) as error:
        _refused(house, package.message, str(error) if isinstance(error, _NOT_AN_AIP) else said_of(error))


def _chunks(package: Package) -> AsyncIterator[bytes]:
    return package.ranges.chunks(package.head.catalogue.offset, package.head.catalogue.length)
