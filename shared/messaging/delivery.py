"""A message on its way: what transports carry, whatever is inside."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it travels: its bytes, and how often it has been delivered to this consumer.

    `trace` is the span it was sent in, as a ``traceparent``. `consumer` is the one queue that it is for; None for
    all those that hear its topic.
    """

    message_id: UUID
    topic: str
    body: bytes
    attempts: int = 1
    trace: str | None = None
    consumer: str | None = None
