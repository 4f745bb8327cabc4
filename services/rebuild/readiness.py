"""Whether rooms may run beside a rebuild: once no journal, proof or record of its site is missing any more.

What a room tells before that takes the place of a line that the site has, and a decision taken before that the place
of a version that the site has.
"""

from services.rebuild.house import House
from services.rebuild.shelves import owners, shelf
from services.storage.rebuilding import known

ASKED_AT_ONCE = 500


async def lacking(house: House) -> str | None:
    """Return a key of a journal, proof or record of the site that the databases lack; None where they have all.

    Storage keeps containers last: where it has one, its lines are kept, and the records taken (`rebuild_records`).
    """
    async for owner in owners(house.store):
        for area in ("journals", "proof", "records"):
            keys: list[str] = []
            async for version, named in shelf(house.store, f"{owner}/{area}/"):
                keys += [version.key] if named is not None else []
                if len(keys) == ASKED_AT_ONCE:
                    if found := await _unknown(house, keys):
                        return found
                    keys = []
            if found := await _unknown(house, keys):
                return found
    return None


async def _unknown(house: House, keys: list[str]) -> str | None:
    there = await known(house.rooms["storage"], keys)
    return next((key for key in keys if key not in there), None)
