"""Which of the other sites can answer for what no line tells of: one on which nothing lies cannot."""

from dataclasses import replace

from services.rebuild.house import House
from services.rebuild.ours import hidden
from shared.object_store.errors import StoreError
from shared.object_store.keeping import SiteStore


async def without_silent(house: House) -> House:
    """Return the house without the other sites that hold nothing at all, as a new one does that is to be filled.

    One that does not answer now stays: it has something to say that we do not know. Either is named, for what comes
    of it: believing the end of the write log where no site is left to ask, or leaving out all that hangs on it.
    """
    heard = {}
    for name, store in house.others.items():
        try:
            if not await _holds_something(store):
                house.report.fault("site_empty", name, "nothing lies there: it is asked nothing")
                continue
        except StoreError as error:
            said = f"{error}: what no line tells of is left out; run again once it answers, or without it"
            house.report.fault("site_away", name, said)
        heard[name] = store
    return replace(house, others=heard)


async def _holds_something(store: SiteStore) -> bool:
    async for _ in store.listed():
        return True
    async for _ in hidden(store, ""):
        return True
    return False
