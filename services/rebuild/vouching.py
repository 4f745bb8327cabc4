"""Objects of which no line of the write log tells: whoever can write on the site may have put them there.

The archive makes such objects too, in the period whose lines no container has yet. What tells them apart is that
every other site has them as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.rebuild.house import House
from services.storage.domain.rebuilt import KnownCopy
from services.storage.rebuilding import known
from shared.object_store.errors import StoreError
from shared.object_store.versions import version_of

WITHOUT_LINE = "without_line"


@dataclass(frozen=True, slots=True)
class Vouched:
    """Who answers for bytes: `database`, `site` (with its copies), `operator`; or nobody, and `by` is empty."""

    by: str
    copies: Sequence[KnownCopy] = ()

    def __bool__(self) -> bool:
        return bool(self.by)


async def vouched(house: House, key: str, sha512: str) -> Vouched:
    """Say who else has these bytes under this key, or whether the operator takes them without that."""
    there = (await known(house.rooms["storage"], [key])).get(key)
    if there is not None and there.sha512 == sha512:
        return Vouched("database")
    copies = [one for one in [await _copy_on(house, site, key, sha512) for site in house.others] if one is not None]
    if copies:
        return Vouched("site", copies)
    return Vouched("operator" if house.take_unlogged else "")


async def _copy_on(house: House, site: str, key: str, sha512: str) -> KnownCopy | None:
    store = house.others[site]
    try:
        version = await version_of(store, key, sha512)
        if version is None or (await store.sha512(key, version.version_id)).sha512 != sha512:
            return None
    except StoreError:
        # Away, or without the object: either way it does not answer for it.
        return None
    return KnownCopy(site, version.version_id, None)


def note_without_line(house: House, key: str, by: Vouched) -> None:
    """Note an object of which no line tells, with what becomes of it; one that the database knows is no news."""
    if by.by == "database":
        return
    taken = {"site": "another site has it too: taken", "operator": "taken as asked"}
    house.report.fault(WITHOUT_LINE, key, f"no line tells of it; {taken.get(by.by, 'left out (--take-unlogged)')}")
