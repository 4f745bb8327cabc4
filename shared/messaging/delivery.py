"""A message on its way: what transports carry, whatever is inside."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it travels: its bytes, and how often it has been delivered to this consumer."""

    message_id: UUID
    topic: str
    body: bytes
    attempts: int = 1
