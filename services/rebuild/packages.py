"""Last the AIPs: storage keeps where each is, the catalogue what is in it, ingest that its transfer was accepted.

Many at a time, and several times many: while one batch is read from the site, others are written to the databases.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

from services.data_management import rebuilding as catalogue
from services.data_management.domain.catalogue import UnreadableCatalogue
from services.rebuild import copies, gone
from services.rebuild.catalogues import NOT_AN_AIP, Package, load_catalogues
from services.rebuild.deposits import keep_deposits
from services.rebuild.endings import is_told_stored
from services.rebuild.facts import CATALOGUED
from services.rebuild.house import House
from services.rebuild.proofs import take_groups
from services.rebuild.ranges import Ranges
from services.rebuild.shelves import owners, shelf
from services.rebuild.vouching import WITHOUT_LINE
from services.storage import rebuilding as storage
from services.storage.domain.key_names import PLATFORM, NamedAip, named_by
from services.storage.domain.rebuilt import Rebuilt
from services.storage.pipeline.package_head import Head, UnreadablePackage
from services.storage.queries.rebuilding import Standing
from shared.checksums import sha512_of
from shared.object_store.keeping import Version

AIPS = 200
"""AIPs in one batch."""

BATCHES = 3
"""Batches under way at one time."""

READ_AT_ONCE = 16
"""AIPs of a batch whose heads are read at one time."""

Listed = tuple[Version, NamedAip]


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
    async for version, named in _listed(house, prefix):
        if len(some) >= AIPS and some[-1][1].id != named.id:
            yield some
            some = []
        some.append((version, named))
    if some:
        yield some


async def _listed(house: House, prefix: str) -> AsyncIterator[Listed]:
    """Yield the AIPs of the site, then those that it hides."""
    async for version, named in shelf(house.store, prefix):
        if not isinstance(named, NamedAip):
            house.report.fault("foreign_object", version.key, "no AIP is called so")
            continue
        house.scratch.see([version.key])
        yield version, named
    async for version in copies.hidden(house, prefix):
        if isinstance(named := named_by(version.key), NamedAip):
            yield version, named


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
    await load_catalogues(house, ours)
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
            except NOT_AN_AIP as error:
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
