"""Rounds: from one moment on until every copy of a site has been read since; each ends with a line that is sealed."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.storage.lines import ACTOR
from services.storage.queries import audits, rounds
from shared.clock import now, rfc3339
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import RoomDatabase


async def begin(connection: AsyncConnection, sites: Sequence[str]) -> None:
    """Begin a round of each site that has none."""
    missing = sorted(set(sites) - (await rounds.open_rounds(connection)).keys())
    if missing:
        counted = await audits.counts(connection)
        for site in missing:
            await rounds.begin_round(connection, site, counted.get(site, {}), now())


async def end_if_done(database: RoomDatabase, site: str, least: timedelta) -> None:
    """End the round of a site if every copy was read since it began, tell so in the journal, and begin the next.

    It lasts half a period at `least`: within less nothing that is left alone has come due.
    """
    at = now()
    async with database.reading() as connection:
        began_at = (await rounds.open_rounds(connection)).get(site)
        if began_at is None or at - began_at < least:
            return
        oldest = await rounds.oldest(connection, site)
    if oldest is not None and oldest < began_at:
        return
    async with database.begin() as tx:
        before = await rounds.end_round(tx.connection, site, began_at, at)
        if before is None:
            return
        counted = (await audits.counts(tx.connection)).get(site, {})
        copies, size = await rounds.there(tx.connection, site)
        await rounds.begin_round(tx.connection, site, counted, at)
        found = {name: count - before.get(name, 0) for name, count in counted.items()}
        tx.journal(
            JournalLineV1(
                kind="archives",
                action="audit.completed",
                actor=ACTOR,
                object=f"site:{site}",
                details={
                    "site": site,
                    "began_at": rfc3339(began_at),
                    "ended_at": rfc3339(at),
                    "copies": copies,
                    "bytes": size,
                    **{f"audited_{name}" if name in {"copies", "bytes"} else name: n for name, n in found.items()},
                },
            )
        )
