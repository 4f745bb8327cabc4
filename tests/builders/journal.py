"""Journal lines and the batches in which senders number and chain them; valid unless told otherwise."""

from datetime import UTC, datetime
from uuid import UUID

from shared.messages.journal import JournalKind, JournalLinesV1, JournalLineV1
from shared.messaging.chain import ZERO_DIGEST, batch_digest

ESTABLISHMENT = UUID("01930000-0000-7000-8000-000000000001")
OTHER_ESTABLISHMENT = UUID("01930000-0000-7000-8000-000000000002")
NOON = datetime(2026, 11, 23, 12, 0, 0, 120_000, tzinfo=UTC)


def a_line(
    action: str = "aip.copied",
    *,
    kind: JournalKind = "archives",
    establishment: UUID | None = ESTABLISHMENT,
    transfer: UUID | None = None,
    details: dict[str, str | int] | None = None,
) -> JournalLineV1:
    return JournalLineV1(
        kind=kind,
        action=action,
        actor="room:ingest",
        object="aip:01930000-0000-7000-8000-00000000000a",
        establishment=establishment,
        transfer_id=transfer,
        occurred_at=NOON,
        details=details or {},
    )


class Sender:
    """A room as proof sees it: numbers and chains what it says."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.batch = 0
        self.sha512 = ZERO_DIGEST

    def says(self, *lines: JournalLineV1) -> JournalLinesV1:
        previous, self.batch = self.sha512, self.batch + 1
        self.sha512 = batch_digest(self.name, self.batch, previous, lines)
        return JournalLinesV1(sender=self.name, batch=self.batch, previous=previous, sha512=self.sha512, lines=lines)
