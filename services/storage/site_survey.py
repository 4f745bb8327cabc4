"""What there is to say of each site: whether it is declared, what becomes of it, how far that is, and until when."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.domain.sites import SiteState
from services.storage.queries import amounts, sites
from services.storage.queries.sites import KnownSite
from services.storage.resting import Resting
from services.storage.sites import OpenSite
from shared.clock import now, rfc3339
from shared.messaging.transaction import RoomDatabase


async def survey(connection: AsyncConnection, opened: Mapping[str, OpenSite]) -> list[dict[str, Any]]:
    """Return what is known of each site, declared or not; of one that is filled, or retired, how much is left.

    Where a site is filled all holdings are looked at: seconds, for millions.
    """
    known = await sites.known(connection)
    usage = await amounts.usage(connection)
    return [
        {
            "name": name,
            **_declared(opened.get(name)),
            **_state(known.get(name)),
            **await _progress(connection, known.get(name), usage.get(name, 0)),
        }
        for name in sorted({*known, *opened})
    ]


def site_survey(database: RoomDatabase, opened: Mapping[str, OpenSite]) -> Resting[list[dict[str, Any]]]:
    """Return the survey for whoever asks, however often: made at most one part in a hundred of the time."""

    async def take() -> list[dict[str, Any]]:
        async with database.reading() as connection:
            return await survey(connection, opened)

    return Resting(take)


def _declared(site: OpenSite | None) -> dict[str, Any]:
    return {
        "declared": site is not None,
        "kind": None if site is None else site.site.kind,
        "place": None if site is None else site.site.place,
        "lock_mode": None if site is None else site.site.lock or "none",
    }


def _state(known: KnownSite | None) -> dict[str, Any]:
    # Declared, and not taken in yet by a worker: it is filled as soon as that is done.
    if known is None:
        return {"state": SiteState.FILLING, "since": None, "destroyed_at": None, "attested_by": None}
    return {
        "state": known.state,
        "since": rfc3339(known.since),
        "destroyed_at": None if known.destroyed_at is None else rfc3339(known.destroyed_at),
        "attested_by": known.attested_by,
    }


async def _progress(connection: AsyncConnection, known: KnownSite | None, written: int) -> dict[str, Any]:
    copies = size = 0
    if known is not None and known.state is SiteState.FILLING:
        copies, size = await sites.left_to_fill(connection, known.name)
    elif known is not None and known.state is SiteState.RETIRING:
        copies = await sites.left_on(connection, known.name)
    seconds = None if known is None or not size else forecast(size, written, now() - known.since)
    return {"copies_left": copies, "bytes_left": size, "done_by": None if seconds is None else _by(now(), seconds)}


def forecast(left: int, written: int, spent: timedelta) -> float | None:
    """Return how many seconds `left` bytes take, if they come as fast as those `written`; None while none have."""
    return None if written <= 0 else left * spent.total_seconds() / written


FARTHEST = timedelta(days=3650)
"""A forecast beyond this says no more than that."""


def _by(at: datetime, seconds: float) -> str:
    return rfc3339(at + min(FARTHEST, timedelta(seconds=min(seconds, FARTHEST.total_seconds()))))
