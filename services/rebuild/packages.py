"""Last the AIPs: storage keeps where each is, the catalogue what is in it, ingest that its transfer was accepted.

Many at a time, and several times many: while one batch is read from the site, others are written to the databases.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.data_management import rebuilding as catalogue
from services.data_management.domain.catalogue import UnreadableCatalogue
from services.data_management.reading import WrongCatalogue
from services.rebuild import copies
from services.rebuild.deposits import keep_deposits
from services.rebuild.facts import CATALOGUED
from services.rebuild.house import House
from services.rebuild.ranges import Ranges
from services.rebuild.shelves import owners, shelf
from services.storage import rebuilding as storage
from services.storage.domain.key_names import PLATFORM, NamedAip, named_by
from services.storage.domain.rebuilt import Rebuilt
from services.storage.pipeline.package_head import Head, UnreadablePackage
from services.storage.queries.rebuilding import Standing
from shared.checksums import MIB, sha512_of
from shared.messages.storage import AipStoredV1
from shared.object_store.errors import NoSuchObject, NoSuchRange
from shared.object_store.keeping import Version

AIPS = 200
"""AIPs in one batch."""

BATCHES = 3
"""Batches under way at one time."""

READ_AT_ONCE = 16
"""AIPs of a batch whose heads are read at one time."""

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
        """Return what storage told when it was stored, as far as the catalogue's loader asks."""
        return AipStoredV1(
            aip_id=self.named.id,
            transfer_id=self.transfer_id,
            establishment=self.named.establishment,
            version=self.named.version,
            sha512=self.known.sha512,
            size=self.known.size,
            receipts=(),
            catalogue=self.head.catalogue,
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
    wanted = []
    for version, named in listed:
        under_way = _is_under_way(standing.get(version.key), told[version.key])
        is_there = version.key in standing and catalogued.get(named.id, 0) >= named.version
        if under_way or copies.is_purged(house, version.key, told[version.key]):
            continue
        house.report.came("AIPs")
        # One that is being stored and whose end the log tells is there in part only.
        if not is_there or standing[version.key].state == "storing":
            wanted.append((version, named))
    few = asyncio.Semaphore(READ_AT_ONCE)
    read = await asyncio.gather(*(_read(house, few, one, told[one[0].key]) for one in wanted))
    packages = [one for one in read if one is not None]
    await copies.keep(house, [_holding(one) for one in packages])
    await _load(house, packages)
    await keep_deposits(house, [named.id for _, named in listed])


def _is_under_way(standing: Standing | None, told: copies.Told) -> bool:
    """Say whether a room is storing this AIP right now: it is not the rebuild's."""
    return standing is not None and standing.state == "storing" and not told


async def _read(house: House, few: asyncio.Semaphore, listed: Listed, told: copies.Told) -> Package | None:
    version, named = listed
    async with few:
        try:
            known = await copies.known(house, version, told)
            # Of a recorded version the size is known; what was listed may be a stranger's on top of it.
            size = version.size if known.version_id is None else known.size
            ranges = Ranges(house.store, version.key, known.version_id, size)
            head = await ranges.head(str(named.id))
            _require_ours(house, named, known, ranges, head)
            return Package(known, named, ranges, head, await _transfer(ranges, head))
        except _NOT_AN_AIP as error:
            house.report.fault("aip_unreadable", version.key, str(error))
            return None


def _require_ours(house: House, named: NamedAip, known: copies.Known, ranges: Ranges, head: Head) -> None:
    """Raise `UnreadablePackage` for an AIP of which the journals tell other digests than these bytes have."""
    if ranges.whole is not None and sha512_of(ranges.whole) != known.sha512:
        raise UnreadablePackage("its digest is not the one in the write log")
    about = f"aip:{named.id}"
    said = house.scratch.about([about])[about].get(f"{CATALOGUED} {named.version}")
    if said is not None and said["details"]["catalogue_sha512"] != head.catalogue.sha512:
        raise UnreadablePackage("its catalogue is not the one that the journal tells of")


async def _transfer(ranges: Ranges, head: Head) -> UUID:
    """Return the transfer of an AIP, as the first line of its catalogue names it."""
    beginning = await ranges.read(head.catalogue.offset, min(head.catalogue.length, FIRST_LINE))
    return catalogue.transfer_in(beginning)


FIRST_LINE = 64 * 1024
"""Bytes that the first line of a catalogue, the AIP's, never fills."""


def _holding(package: Package) -> Rebuilt:
    known, named = package.known, package.named
    return Rebuilt(
        id=named.id,
        version=named.version,
        kind="aip",
        establishment=named.establishment,
        key=known.version.key,
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
    wholes: list[catalogue.Whole] = []
    gathered = 0
    for package in newest.values():
        if gathered >= LOADED_BYTES:
            await _load_wholes(house, wholes)
            wholes, gathered = [], 0
        whole = await _read_catalogue(house, package)
        if whole is not None:
            wholes.append(whole)
            gathered += package.head.catalogue.length
    await _load_wholes(house, wholes)


async def _load_wholes(house: House, wholes: Sequence[catalogue.Whole]) -> None:
    if not house.dry:
        house.report.came("units", await catalogue.load(house.rooms["data_management"], wholes))


async def _read_catalogue(house: House, package: Package) -> catalogue.Whole | None:
    """Read a small catalogue, to be loaded with others; a large one is loaded here."""
    database = house.rooms["data_management"]
    try:
        if package.head.catalogue.length <= catalogue.BATCH_BYTES:
            return await catalogue.read_whole(package.message, _chunks(package))
        if not house.dry:
            house.report.came("units", await catalogue.stream(database, package.message, _chunks(package)))
    except _NOT_AN_AIP as error:
        house.report.fault("catalogue_unreadable", package.known.version.key, str(error))
    return None


def _chunks(package: Package) -> AsyncIterator[bytes]:
    return package.ranges.chunks(package.head.catalogue.offset, package.head.catalogue.length)
