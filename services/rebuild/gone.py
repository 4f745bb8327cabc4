"""What was purged on order: as the write log has it of each key and, of the last period, the records of purges."""

import math
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from services.rebuild.facts import GONE_ACTIONS, PURGED, copies_of
from services.rebuild.house import House
from services.storage.domain.key_names import NamedAip, named_by
from services.storage.rebuilding import note_purged, note_purged_below
from shared.messages.storage import AipPurgedV1

AIP = "aip:"

FORGOTTEN_AT_ONCE = 500

Told = Mapping[str, Mapping[str, Any]]
"""What lines say of one thing, by sort: of a key, by site."""


def note_purge(house: House, message: AipPurgedV1) -> None:
    """Put aside that of an AIP only a version is left, or nothing: before any AIP is looked at."""
    house.scratch.note([(f"{AIP}{message.aip_id}", f"{PURGED} {message.order_id}", {"version": message.version})])


def _remains(said: Mapping[str, Mapping[str, Any]]) -> float:
    """Return the version of an AIP below which all were purged; infinity where nothing is left of it."""
    versions = [one["version"] for sort, one in said.items() if sort.startswith(PURGED)]
    return max((math.inf if one is None else one for one in versions), default=0)


def said_of_aips(house: House, aips: Collection[UUID]) -> dict[UUID, Told]:
    """Return what lines and records say of AIPs themselves, by what is said."""
    found = house.scratch.about([f"{AIP}{one}" for one in aips])
    return {one: found[f"{AIP}{one}"] for one in aips}


def is_gone(house: House, key: str, told: Told, of_aip: Told | None = None) -> bool:
    """Say whether a key was purged from the site that is read; `of_aip` is what is said of its AIP, where at hand."""
    here = told.get(house.site)
    if here is not None and here["action"] in GONE_ACTIONS:
        return True
    if not isinstance(named := named_by(key), NamedAip):
        return False
    said = said_of_aips(house, [named.id])[named.id] if of_aip is None else of_aip
    return named.version < _remains(said)


def is_purged(house: House, key: str, told: Told, of_aip: Told | None = None) -> bool:
    """Say whether a key that was listed was purged, and note that it is there all the same."""
    if not is_gone(house, key, told, of_aip):
        return False
    house.report.fault("purged_but_there", key, "it was purged on order")
    return True


async def forget_purged(house: House) -> None:
    """Have storage know as purged what it has as stored, and what was purged from this site."""
    database = house.rooms["storage"]
    gone = [
        key for key, said in house.scratch.unseen(copies_of(""), "", house.site) if said["action"] in GONE_ACTIONS
    ]
    for begins in range(0, len(gone), FORGOTTEN_AT_ONCE):
        some = gone[begins : begins + FORGOTTEN_AT_ONCE]
        house.report.came("purged holdings", await note_purged(database, some))
    for about, sort, said in house.scratch.under(AIP):
        if sort.startswith(PURGED):
            aip = UUID(about.removeprefix(AIP))
            house.report.came("purged holdings", await note_purged_below(database, aip, said["version"]))


def missing(house: House) -> None:
    """Note what the write log says that the site holds, and that was not listed there."""
    for key, said in house.scratch.unseen(copies_of(""), "", house.site):
        if not is_gone(house, key, {house.site: said}):
            house.report.fault("object_missing", key, "the write log says that this site holds it")
