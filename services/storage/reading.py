"""Give bytes back: from the first site that can, whose copy was verified.

After a rebuild copies are known, and read back one after another: until then those of a stored holding that are not
are given where no verified one can be. Access holds whole files to their digest; a range nobody can.
"""

from collections.abc import AsyncIterator, Mapping

from services.storage.domain.copies import Copy, CopyState
from services.storage.domain.holdings import GOING, Holding
from services.storage.sites import OpenSite
from shared.object_store.errors import NoSuchObject, NoSuchRange, StoreUnavailable


async def content(
    holding: Holding, copies: list[Copy], sites: Mapping[str, OpenSite], offset: int, length: int
) -> AsyncIterator[bytes]:
    """Open a range of a holding from the first site that can give it.

    Raises `StoreUnavailable` if none can, `NoSuchObject` from the moment on when its purge began.
    """
    if holding.state in GOING:
        raise NoSuchObject(f"{holding.key} was purged on order")
    reasons = []
    for copy in _in_turn(holding, copies):
        if copy.site not in sites:
            continue
        try:
            return await sites[copy.site].store.open_range(holding.key, copy.version_id, offset, length)
        except (StoreUnavailable, NoSuchObject, NoSuchRange) as error:
            # A range that the holding has and the object has not: that copy was cut short.
            reasons.append(f"{copy.site}: {error}")
    raise StoreUnavailable(f"no site gives {holding.key}: {'; '.join(reasons)}")


def _in_turn(holding: Holding, copies: list[Copy]) -> list[Copy]:
    verified = [copy for copy in copies if copy.state is CopyState.VERIFIED]
    rebuilt = [copy for copy in copies if copy.state is CopyState.WRITTEN and holding.state == "stored"]
    return verified + rebuilt
