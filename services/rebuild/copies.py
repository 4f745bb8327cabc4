"""What storage keeps of a key: the write log's word for digest, size and copies; where it is silent, the bytes'."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any

from services.rebuild.facts import GONE_ACTIONS, copies_of
from services.rebuild.gone import Told, is_gone
from services.rebuild.house import House
from services.rebuild.ours import hidden as hidden_under
from services.rebuild.ours import ours
from services.rebuild.refusals import as_far_as_taken
from services.rebuild.vouching import Vouched, note_without_line
from services.storage.domain.rebuilt import KnownCopy, Rebuilt
from services.storage.rebuilding import others_than, take_back
from shared.object_store.keeping import Version
from shared.object_store.versions import version_of


@dataclass(frozen=True, slots=True)
class Known:
    """A key with what it must be; `version_id` is the one to read on the site that is read."""

    key: str
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
    if not is_logged(told):
        found, by = await measured(house, version.key)
        note_without_line(house, version.key, by)
        return found if by else None
    logged = as_logged(house, version.key, told)
    if logged.size != version.size:
        # In a bucket what is recorded is read, whatever lies above it.
        code = "size_differs" if logged.version_id is None else "object_overlaid"
        house.report.fault(code, version.key, f"{version.size} bytes, the write log says {logged.size}")
    if house.site not in told and (one := await version_of(house.store, version.key, logged.sha512)) is not None:
        return replace(logged, version_id=one.version_id)
    return logged


def as_logged(house: House, key: str, told: Told) -> Known:
    """Return what a key must be of which lines tell."""
    written = {site: one for site, one in told.items() if one["action"] not in GONE_ACTIONS}
    said = written.get(house.site) or next(iter(written.values()))
    details = said["details"]
    # A site without a line may have it, and may not: it is filled.
    copies = [_copy(site, written[site]) for site in house.sites if site in written]
    here = written.get(house.site)
    version_id = None if here is None else here["details"]["version_id"] or None
    at = datetime.fromisoformat(said["occurred_at"])
    return Known(key, details["sha512"], details["size"], version_id, at, copies)


def _copy(site: str, said: Mapping[str, Any]) -> KnownCopy:
    return KnownCopy(site, said["details"]["version_id"] or None, datetime.fromisoformat(said["occurred_at"]))


async def measured(house: House, key: str) -> tuple[Known, Vouched]:
    """Return what a key is of which no line tells, and who else answers for it. Raises what the store raises."""
    # A store's own word for the digest is its writer's.
    found = await ours(house, key)
    house.report.came("objects without a line")
    version = found.version
    copies = [KnownCopy(house.site, version.version_id, None), *found.by.copies]
    known = Known(key, found.sha512, version.size, version.version_id, version.modified_at, copies)
    return known, found.by


async def keep(house: House, found: Sequence[Rebuilt]) -> set[str]:
    """Have storage keep these, where it does not; note and return the keys of those of which it has others."""
    do = others_than if house.dry else take_back
    keys = {(one.id, one.version): one.key for one in found}
    others: set[str] = set()

    def differs(key: str, said: str) -> None:
        others.add(key)
        house.report.fault("holding_differs", key, said)

    taken = await as_far_as_taken(
        partial(do, house.rooms["storage"]), found, lambda one, said: differs(one.key, said)
    )
    for other in chain.from_iterable(taken):
        differs(keys[other], "the database has another digest, or another key")
    house.report.came("holdings", len(found) - len(others))
    return others


async def hidden(house: House, prefix: str) -> AsyncIterator[Version]:
    """Yield what a marker hides under a prefix, which changes nothing that we read; note each (S3)."""
    async for version, _ in hidden_under(house.store, prefix):
        if is_gone(house, version.key, told_of(house, [version.key])[version.key]):
            continue
        house.report.fault("object_hidden", version.key, "the site does not list it, and still has it")
        house.scratch.see([version.key])
        yield version
