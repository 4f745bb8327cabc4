"""What storage keeps of a key: the write log's word for digest, size and copies; where it is silent, the bytes'."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any

from services.rebuild.facts import GONE_ACTIONS, copies_of
from services.rebuild.gone import Told, is_gone
from services.rebuild.house import House
from services.rebuild.refusals import as_far_as_taken
from services.rebuild.vouching import Vouched, note_without_line, vouched
from services.storage.domain.rebuilt import KnownCopy, Rebuilt
from services.storage.rebuilding import take_back
from shared.object_store.errors import NoSuchObject
from shared.object_store.keeping import Version


@dataclass(frozen=True, slots=True)
class Known:
    """A key that was listed, with what it must be; `version_id` is the one to read on the site that is read."""

    version: Version
    sha512: str
    size: int
    version_id: str | None
    stored_at: datetime
    copies: Sequence[KnownCopy]


def told_of(house: House, keys: Sequence[str]) -> dict[str, Told]:
    """Return what the write log says of keys."""
    found = house.scratch.about([copies_of(key) for key in keys])
    return {key: found[copies_of(key)] for key in keys}


def is_logged(told: Told) -> bool:
    """Say whether the write log tells that a key was written."""
    return any(one["action"] not in GONE_ACTIONS for one in told.values())


async def known(house: House, version: Version, told: Told) -> Known | None:
    """Return what a listed key must be. Raises what the store raises.

    One of which no line tells is read whole and noted; None where nothing else answers for it.
    """
    written = {site: one for site, one in told.items() if one["action"] not in GONE_ACTIONS}
    if not written:
        found, by = await measured(house, version)
        note_without_line(house, version.key, by)
        return found if by else None
    said = written.get(house.site) or next(iter(written.values()))
    details = said["details"]
    if details["size"] != version.size:
        text = f"{version.size} bytes, the write log says {details['size']}"
        house.report.fault("size_differs", version.key, text)
    # A site without a line may have it, and may not: it is filled.
    copies = [_copy(site, written[site]) for site in house.sites if site in written]
    here = written.get(house.site)
    version_id = None if here is None else here["details"]["version_id"] or None
    at = datetime.fromisoformat(said["occurred_at"])
    return Known(version, details["sha512"], details["size"], version_id, at, copies)


def _copy(site: str, said: Mapping[str, Any]) -> KnownCopy:
    return KnownCopy(site, said["details"]["version_id"] or None, datetime.fromisoformat(said["occurred_at"]))


async def measured(house: House, version: Version) -> tuple[Known, Vouched]:
    """Return what a key is of which no line tells, and who else answers for it. Raises what the store raises."""
    # A store's own word for the digest is its writer's.
    facts = await house.store.stat(version.key)
    found = await house.store.sha512(version.key, facts.version_id)
    by = await vouched(house, version.key, found.sha512)
    house.report.came("objects without a line")
    copies = [KnownCopy(house.site, facts.version_id, None), *by.copies]
    at = version.modified_at
    known = Known(version, found.sha512, facts.size, facts.version_id, at, copies)
    return known, by


async def keep(house: House, found: Sequence[Rebuilt]) -> set[str]:
    """Have storage keep these, where it does not; note and return the keys of those of which it has others."""
    if house.dry:
        house.report.came("holdings", len(found))
        return set()
    keys = {(one.id, one.version): one.key for one in found}
    others: set[str] = set()

    def differs(key: str, said: str) -> None:
        others.add(key)
        house.report.fault("holding_differs", key, said)

    taken = await as_far_as_taken(
        partial(take_back, house.rooms["storage"]), found, lambda one, said: differs(one.key, said)
    )
    for other in chain.from_iterable(taken):
        differs(keys[other], "the database has another digest, or another key")
    house.report.came("holdings", len(found) - len(others))
    return others


async def hidden(house: House, prefix: str) -> AsyncIterator[Version]:
    """Yield what the site does not list and gives all the same, in the version that was recorded; note each.

    A delete marker hides a key (S3), which changes nothing that we read.
    """
    for key, said in house.scratch.unseen(copies_of(""), prefix, house.site):
        version_id = said["details"]["version_id"]
        if not version_id or is_gone(house, key, {house.site: said}):
            continue
        try:
            facts = await house.store.stat(key, version_id)
        except NoSuchObject:
            continue
        house.report.fault("object_hidden", key, "the site does not list it, and still gives the version recorded")
        house.scratch.see([key])
        yield Version(key, version_id, facts.size, facts.modified_at)
