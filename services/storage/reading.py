"""Give bytes back: from the first site that can, whose copy was verified."""

from collections.abc import AsyncIterator, Mapping, Sequence

from services.storage.domain.copies import Copy, CopyState
from services.storage.domain.holdings import Holding
from services.storage.sites import OpenSite
from shared.object_store.errors import NoSuchObject, NoSuchRange, StoreUnavailable

READABLE = ("stored", "damaged")
"""States of a version whose bytes are given to whoever may have them."""

Version = tuple[Holding, list[Copy]]


class VersionReplaced(Exception):
    """The version that was asked for has given way to a newer one: its places are no longer true."""


def version_to_read(versions: Sequence[Version], wanted: int | None) -> Version | None:
    """Choose among the versions of an AIP, newest first: the one that is wanted, else the newest that can be read.

    While a version is on its way to the sites, the one before it is read. None where there is no such version; raises
    `VersionReplaced` where there was.
    """
    readable = [one for one in versions if one[0].state in READABLE]
    if wanted is None:
        return next(iter(readable or versions), None)
    found = next((one for one in versions if one[0].version == wanted), None)
    if found is not None and found not in readable and any(one[0].version > wanted for one in readable):
        raise VersionReplaced(found[0].key)
    return found


async def content(
    holding: Holding, copies: list[Copy], sites: Mapping[str, OpenSite], offset: int, length: int
) -> AsyncIterator[bytes]:
    """Open a range of a holding from the first site that can give it; `StoreUnavailable` if none can."""
    reasons = []
    for copy in copies:
        if copy.state is not CopyState.VERIFIED or copy.site not in sites:
            continue
        try:
            return await sites[copy.site].store.open_range(holding.key, copy.version_id, offset, length)
        except (StoreUnavailable, NoSuchObject, NoSuchRange) as error:
            # A range that the holding has and the object has not: that copy was cut short.
            reasons.append(f"{copy.site}: {error}")
    raise StoreUnavailable(f"no site gives {holding.key}: {'; '.join(reasons)}")
