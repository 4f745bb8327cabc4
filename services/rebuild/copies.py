"""What storage keeps of a key: the write log's word for digest, size and copies; where it is silent, the bytes'."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.rebuild.facts import GONE_ACTIONS, copies_of
from services.rebuild.house import House
from services.storage.domain.rebuilt import KnownCopy, Rebuilt
from services.storage.rebuilding import note_purged, take_back
from shared.object_store.errors import NoSuchObject
from shared.object_store.keeping import Version

FORGOTTEN_AT_ONCE = 500

Told = Mapping[str, Mapping[str, Any]]
"""What the write log says of a key, by site."""


@dataclass(frozen=True, slots=True)
class Known:
    """A key that was listed, with what it must be; `version_id` is the one to read on the site that is read."""

    version: Version
    sha512: str
    size: int
    version_id: str | None
    stored_at: datetime
    copies: Sequence[KnownCopy]
    is_logged: bool


def told_of(house: House, keys: Sequence[str]) -> dict[str, Told]:
    """Return what the write log says of keys."""
    found = house.scratch.about([copies_of(key) for key in keys])
    return {key: found[copies_of(key)] for key in keys}


def is_purged(house: House, key: str, told: Told) -> bool:
    """Say whether a key was removed from the site on order, and note it where it is there all the same."""
    here = told.get(house.site)
    if here is None or here["action"] not in GONE_ACTIONS:
        return False
    house.report.fault("purged_but_there", key, "the write log says that this site no longer holds it")
    return True


async def known(house: House, version: Version, told: Told) -> Known:
    """Return what a listed key must be. One of which no line tells is read whole. Raises what the store raises."""
    written = {site: one for site, one in told.items() if one["action"] not in GONE_ACTIONS}
    if not written:
        return await _measured(house, version)
    said = written.get(house.site) or next(iter(written.values()))
    details = said["details"]
    if details["size"] != version.size:
        text = f"{version.size} bytes, the write log says {details['size']}"
        house.report.fault("size_differs", version.key, text)
    copies = [_copy(site, written.get(site)) for site in house.sites if site not in told or site in written]
    here = written.get(house.site)
    version_id = None if here is None else here["details"]["version_id"] or None
    at = datetime.fromisoformat(said["occurred_at"])
    return Known(version, details["sha512"], details["size"], version_id, at, copies, is_logged=True)


def _copy(site: str, said: Mapping[str, Any] | None) -> KnownCopy:
    if said is None:
        return KnownCopy(site, None, None)
    return KnownCopy(site, said["details"]["version_id"] or None, datetime.fromisoformat(said["occurred_at"]))


async def _measured(house: House, version: Version) -> Known:
    # A store's own word for the digest is its writer's.
    facts = await house.store.stat(version.key)
    found = await house.store.sha512(version.key, facts.version_id)
    house.report.came("objects without a line")
    copies = [KnownCopy(site, facts.version_id if site == house.site else None, None) for site in house.sites]
    at = version.modified_at
    return Known(version, found.sha512, found.size, facts.version_id, at, copies, is_logged=False)


async def keep(house: House, found: Sequence[Rebuilt]) -> None:
    """Have storage keep these, where it does not; note those of which it has others."""
    others = [] if house.dry else await take_back(house.rooms["storage"], found)
    keys = {(one.id, one.version): one.key for one in found}
    for other in others:
        house.report.fault("holding_differs", keys[other], "the database has another digest, or another key")
    house.report.came("holdings", len(found) - len(others))


async def hidden(house: House, prefix: str) -> AsyncIterator[Version]:
    """Yield what the site does not list and gives all the same, in the version that was recorded; note each.

    A delete marker hides a key (S3), which changes nothing that we read.
    """
    for key, said in list(house.scratch.unseen(copies_of(""), prefix, house.site)):
        version_id = said["details"]["version_id"]
        if said["action"] in GONE_ACTIONS or not version_id:
            continue
        try:
            facts = await house.store.stat(key, version_id)
        except NoSuchObject:
            continue
        house.report.fault("object_hidden", key, "the site does not list it, and still gives the version recorded")
        house.scratch.see([key])
        yield Version(key, version_id, facts.size, facts.modified_at)


async def forget_purged(house: House) -> None:
    """Have storage know as purged what it has as stored and the write log says that this site no longer holds."""
    gone = [
        key for key, said in house.scratch.unseen(copies_of(""), "", house.site) if said["action"] in GONE_ACTIONS
    ]
    for begins in range(0, len(gone), FORGOTTEN_AT_ONCE):
        some = gone[begins : begins + FORGOTTEN_AT_ONCE]
        house.report.came("purged holdings", await note_purged(house.rooms["storage"], some))


def missing(house: House) -> None:
    """Note what the write log says that the site holds, and that was not listed there."""
    for key, said in house.scratch.unseen(copies_of(""), "", house.site):
        if said["action"] not in GONE_ACTIONS:
            house.report.fault("object_missing", key, "the write log says that this site holds it")
