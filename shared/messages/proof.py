"""What proof tells."""

from typing import ClassVar
from uuid import UUID

from shared.messages.message import Message, Part, Sha512


class JournalPositionV1(Part):
    """Where a line stands for ever: its journal, its number there, its digest in the chain."""

    journal: str
    number: int
    sha512: Sha512


class DepositRecordedV1(Message):
    """The journal lines of a deposit are committed; the reply may go."""

    topic: ClassVar[str] = "deposit.recorded.v1"

    transfer_id: UUID
    establishment: UUID
    positions: tuple[JournalPositionV1, ...]
