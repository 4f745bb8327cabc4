"""What access tells."""

from typing import ClassVar
from uuid import UUID

from shared.messages.message import Message


class DipOrderedV1(Message):
    """Somebody who may asked for a DIP; a worker of access may build it."""

    topic: ClassVar[str] = "dip.ordered.v1"

    dip_id: UUID
    establishment: UUID
