"""Who reads a journal, verifies one, or is refused one, has a line of it: a consultation as any other.

The line is written before the answer leaves, in the journal of events of the same establishment. Heads are none: they
are numbers and digests, which supervision asks for all the time. Nor is a page without lines: somebody who follows a
journal would otherwise never come to its end. Source: requirement PRV-13.
"""

import re
from uuid import UUID

from services.proof.queries import Journal
from shared.identity.caller import Caller
from shared.messages.journal import JournalLineV1
from shared.messaging.lines import line_writer
from shared.messaging.transaction import RoomDatabase

READ = "journal.read"
VERIFIED = "journal.verified"
REFUSED = "journal.refused"

_NAME = re.compile(r"(archives|events|writes)\.(platform|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})")


class Consultations:
    """Writes the lines of one process."""

    def __init__(self, database: RoomDatabase) -> None:
        self._lines = line_writer(database)

    async def read(self, caller: Caller, journal: Journal, numbers: list[int], transfer: UUID | None) -> None:
        """Tell of lines that are about to be given: from which to which, and of which transfer alone."""
        if not numbers:
            return
        details: dict[str, str | int] = {"first": numbers[0], "last": numbers[-1], "lines": len(numbers)}
        if transfer is not None:
            details["transfer"] = str(transfer)
        await self._lines.add(_line(READ, caller, journal.name, journal.establishment, details))

    async def verified(self, caller: Caller, journal: Journal, after: int, lines: int, anomalies: int) -> None:
        """Tell of a verification and of what it found; `ko` for a journal that is not whole."""
        details: dict[str, str | int] = {"after": after, "lines": lines, "anomalies": anomalies}
        line = _line(VERIFIED, caller, journal.name, journal.establishment, details)
        await self._lines.add(line.model_copy(update={"outcome": "ko"}) if anomalies else line)

    async def refused(self, caller: Caller, name: str) -> None:
        """Tell of a journal that the caller may not read, or that is none; what is no name is not repeated."""
        wanted = name if _NAME.fullmatch(name) else "malformed"
        line = _line(REFUSED, caller, wanted, None, {})
        await self._lines.add(line.model_copy(update={"outcome": "ko"}))


def _line(
    action: str, caller: Caller, journal: str, establishment: UUID | None, details: dict[str, str | int]
) -> JournalLineV1:
    return JournalLineV1(
        kind="events",
        action=action,
        actor=caller.subject,
        object=f"journal:{journal}",
        establishment=establishment,
        details=details,
    )
