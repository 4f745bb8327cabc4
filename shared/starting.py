"""Each start and stop of a room in the journal of events: which version, in which role, on which tables and settings.

An upgrade, a migration and a change of settings show as lines that differ from the one before. What a process that
was killed could not say any more, its missing stop says. Source: requirement GOV-06, journal of events.
"""

import asyncio
import logging
from collections.abc import Sequence
from importlib import metadata
from uuid import UUID

from pydantic_settings import BaseSettings

from shared.configuration import digest_of
from shared.database.migrations import found_head
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import RoomDatabase
from shared.telling import told

log = logging.getLogger(__name__)

STARTED = "room.started"
STOPPED = "room.stopped"

PAUSE_SECONDS = 5.0
"""Between two attempts to tell of a start: the database may go away in the moment after it was asked."""

CLOSING_SECONDS = 2.0
"""How long a room that closes may take to tell so."""


async def tell_start(database: RoomDatabase, run: UUID, role: str, settings: Sequence[BaseSettings]) -> None:
    """Write the line of a start, however often it takes; `run` is what its stop is known by."""
    details: dict[str, str | int] = {
        "run": str(run),
        "role": role,
        "version": metadata.version("chartrier"),
        "settings_sha512": digest_of(*settings),
    }
    while True:
        try:
            async with database.begin() as tx:
                tables = await found_head(tx.connection)
                tx.journal(_line(database, STARTED, {**details, "tables": tables or "none"}))
        except Exception as error:  # noqa: BLE001 (the room works all the same)
            log.warning("start not told yet", extra={"of": database.room, "reason": told(error)})
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            return


async def tell_stop(database: RoomDatabase, run: UUID) -> None:
    """Write the line of a stop, as far as the database answers."""
    try:
        async with asyncio.timeout(CLOSING_SECONDS), database.begin() as tx:
            tx.journal(_line(database, STOPPED, {"run": str(run)}))
    except Exception as error:  # noqa: BLE001 (nothing keeps a room from closing)
        log.warning("stop not told", extra={"of": database.room, "reason": told(error)})


def _line(database: RoomDatabase, action: str, details: dict[str, str | int]) -> JournalLineV1:
    room = f"room:{database.room}"
    return JournalLineV1(kind="events", action=action, actor=room, object=room, details=details)
