"""Who is given bytes of an AIP, or is refused them, has a line of it before the first of them leaves.

Access asks here with the token of whoever asked it: then there are two lines, its own about the file, and this one
about the package and the range. Rooms that ask in their own name do what has lines of its own. Source: requirement
PRV-13.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from services.storage.domain.holdings import Holding
from shared.identity.caller import Caller
from shared.messages.journal import JournalLineV1
from shared.messaging.lines import line_writer
from shared.messaging.transaction import RoomDatabase
from shared.problems import Problem, noted

READ = "aip.read"
REFUSED = "aip.refused"


class Consultations:
    """Writes the lines of one process."""

    def __init__(self, database: RoomDatabase) -> None:
        self._lines = line_writer(database)

    async def read(self, caller: Caller, holding: Holding, first: int, length: int) -> None:
        """Tell of a range of an AIP that is about to be given."""
        if caller.internal:
            return
        details: dict[str, str | int] = {"version": holding.version, "sha512": holding.sha512}
        line = JournalLineV1(
            kind="archives",
            action=READ,
            actor=caller.subject,
            object=f"aip:{holding.id}",
            establishment=holding.establishment,
            details={**details, "first": first, "length": length},
        )
        await self._lines.add(line)

    @asynccontextmanager
    async def refusals_noted(self, caller: Caller, wanted: str) -> AsyncIterator[None]:
        """Tell of a 404 or 410 that ends the block before it goes its way, in the platform's journal."""
        try:
            yield
        except Problem as refusal:
            if refusal.status in (404, 410) and not caller.internal:
                await self._lines.add(_refused(caller, wanted, refusal.code))
                noted(refusal)
            raise


def _refused(caller: Caller, wanted: str, reason: str) -> JournalLineV1:
    try:
        named = str(UUID(wanted))
    except ValueError:
        # What is no identifier may be anything, and is not repeated.
        named = "malformed"
    return JournalLineV1(
        kind="events",
        action=REFUSED,
        actor=caller.subject,
        outcome="ko",
        object=f"aip:{named}",
        details={"reason": reason},
    )
