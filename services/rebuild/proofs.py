"""Then what proves all of it: anchors, seals and renewals, held to the journals and packages that came back."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from services.proof.domain.line import Head
from services.proof.domain.read_proofs import NotTheProof, ReadAnchor, ReadSeal, read_anchor, read_seal
from services.proof.domain.read_renewals import ReadRenewal, read_renewal
from services.proof.gathering import take_packages
from services.proof.rebuilding_proofs import contradicted, lost, take_anchor, take_seal
from services.proof.rebuilding_renewals import take_renewal
from services.rebuild import copies
from services.rebuild.house import House, TooLarge
from services.rebuild.shelves import shelf
from services.storage.domain.key_names import PLATFORM, Named, NamedProof, named_by
from services.storage.domain.rebuilt import Rebuilt
from services.storage.proofs import proof_facts, proof_id
from shared.checksums import sha512_of
from shared.messages.storage import AipStoredV1
from shared.object_store.errors import NoSuchObject
from shared.object_store.keeping import Version

KINDS = ("anchor", "seal", "renewal")
"""In this order: a renewal is held to the seals that it renews."""

Read: TypeAlias = ReadAnchor | ReadSeal | ReadRenewal


async def take_groups(house: House, packages: Sequence[AipStoredV1]) -> None:
    """Have proof know of packages: a seal that comes back, or a reading of METS, tells what they are made of."""
    if packages and not house.dry:
        async with house.rooms["proof"].begin() as tx:
            await take_packages(tx, packages)


async def rebuild_proofs(house: House) -> None:
    """Bring back every anchor and seal of the site, and say where journals are not as these tell."""
    heads: dict[str, Head] = {}
    for kind in KINDS:
        previous: Read | None = None
        for version, named in await _listed(house, f"{PLATFORM}/proof/{kind}s/"):
            if not isinstance(named, NamedProof):
                house.report.fault("foreign_object", version.key, "no proof is called so")
                continue
            read = await _rebuild(house, version, named)
            if read is not None:
                _require_chain(house, version.key, previous, read)
                previous = read
                heads |= _further(heads, _heads(read))
    if not house.dry:
        for name, number in await lost(house.rooms["proof"], heads):
            house.report.fault("lines_lost", name, f"line {number} was proven, and is in no container")


def _further(heads: Mapping[str, Head], others: Mapping[str, Head]) -> dict[str, Head]:
    """Return those of the others that are farther than what is known."""
    return {name: head for name, head in others.items() if name not in heads or heads[name].number < head.number}


async def _listed(house: House, prefix: str) -> list[tuple[Version, Named | None]]:
    """Return what lies under a prefix in the order of keys, with what the site hides: there are some a day."""
    found = {version.key: (version, named) async for version, named in shelf(house.store, prefix)}
    house.scratch.see(found)
    async for version in copies.hidden(house, prefix):
        found[version.key] = (version, named_by(version.key))
    return [found[key] for key in sorted(found)]


async def _rebuild(house: House, version: Version, named: NamedProof) -> Read | None:
    told = copies.told_of(house, [version.key])[version.key]
    try:
        known = await copies.known(house, version, told)
        if known is None:
            return None
        content = await house.read(version.key, known.size, known.version_id)
        read = _read(named, content, known.sha512)
    except (NoSuchObject, TooLarge, NotTheProof) as error:
        house.report.fault("proof_unreadable", version.key, str(error))
        return None
    await copies.keep(house, [_holding(named, known)])
    house.report.came(f"{named.kind}s")
    if read is not None and not house.dry:
        for said in await _take(house, read, (known.sha512, known.size), known.stored_at):
            house.report.fault("proof_contradicts", version.key, said)
    return read


def _read(named: NamedProof, content: bytes, sha512: str) -> Read | None:
    if sha512_of(content) != sha512:
        raise NotTheProof("its digest is not the one in the write log")
    return _READERS[named.kind](content, named.number) if named.kind in _READERS else None


_READERS: dict[str, Callable[[bytes, int], Read]] = {
    "anchor": read_anchor,
    "seal": read_seal,
    "renewal": read_renewal,
}


def _holding(named: NamedProof, known: copies.Known) -> Rebuilt:
    return Rebuilt(
        id=proof_id(named.kind),
        version=named.number,
        kind="proof",
        establishment=None,
        key=known.key,
        sha512=known.sha512,
        size=known.size,
        facts=proof_facts(named.kind, named.number),
        stored_at=known.stored_at,
        copies=known.copies,
    )


async def _take(house: House, read: Read, file: tuple[str, int], stored_at: datetime) -> list[str]:
    database = house.rooms["proof"]
    if isinstance(read, ReadRenewal):
        return await take_renewal(database, read, file, stored_at)
    if isinstance(read, ReadAnchor):
        others = await take_anchor(database, read, stored_at, file[1])
    else:
        others = await take_seal(database, read, file, stored_at)
    return others + await contradicted(database, _heads(read))


def _heads(read: Read) -> Mapping[str, Head]:
    """Return what a proof says that journals had come to."""
    if isinstance(read, ReadAnchor):
        return read.heads
    if isinstance(read, ReadSeal):
        return {name: Head(one.head.number, one.head.sha512) for name, one in read.covered}
    return {}


def _require_chain(house: House, key: str, previous: Read | None, read: Read) -> None:
    """Name a proof that does not follow from the one before it, and those that are missing between them."""
    expected = None if previous is None else previous.number + 1
    if read.number != (expected or 1):
        house.report.fault("proof_missing", key, f"number {expected or 1} is not there")
    elif previous is not None and read.before != previous.identity:
        house.report.fault("proof_contradicts", key, "it names another one before it")
