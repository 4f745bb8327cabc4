"""Who is given what the archive answered a deposit, or asks for a transfer that is not theirs, has a line of it.

Acknowledgement and reply are what a depositor keeps as evidence: that they were handed over, when and to whom, is on
record. Where a transfer stands is none: whoever waits for it asks every few seconds. Nor are answers about a dry run:
no archive came of it. Source: requirement PRV-13.
"""

from uuid import UUID

from services.ingest.queries import Transfer
from shared.identity.caller import Caller
from shared.messages.journal import JournalLineV1
from shared.messaging.lines import line_writer
from shared.messaging.transaction import RoomDatabase

ACKNOWLEDGEMENT = "acknowledgement.communicated"
REPLY = "reply.communicated"
REFUSED = "transfer.access_refused"


class Consultations:
    """Writes the lines of one process."""

    def __init__(self, database: RoomDatabase) -> None:
        self._lines = line_writer(database)

    async def communicated(self, action: str, caller: Caller, transfer: Transfer) -> None:
        """Tell of an answer that is about to be given: `ACKNOWLEDGEMENT` or `REPLY`."""
        if transfer.dry_run:
            return
        line = JournalLineV1(
            kind="archives",
            action=action,
            actor=caller.subject,
            # Not as a line of the transfer: what was acknowledged as recorded must not depend on who asked when.
            object=f"transfer:{transfer.id}",
            establishment=transfer.establishment,
        )
        await self._lines.add(line)

    async def refused(self, caller: Caller, wanted: UUID) -> None:
        """Tell, in the platform's journal, of a transfer that does not exist or is not the caller's to see."""
        line = JournalLineV1(
            kind="events", action=REFUSED, actor=caller.subject, outcome="ko", object=f"transfer:{wanted}"
        )
        await self._lines.add(line)
